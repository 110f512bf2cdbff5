package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/terminal"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// jobArg returns the command's single argument, the ID of a job.
func jobArg(c *cli.Context) (string, error) { return oneArg(c, "a job ID") }

func showJob(ctx context.Context, s *session, id string, jobs deliveryclient.Jobs) error {
	view, err := jobs.Show(ctx, id)
	if err != nil {
		return err
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, view)
	}
	return writeJob(s.cli, view)
}

func writeJob(c *cli.Context, v deliveryclient.JobDetails) error {
	w, state := c.App.Writer, jobCell(v.State)
	lines := [][2]string{
		{"Job", v.ID},
		{"Action", v.Destination + "/" + v.Action + versionNote(v.Version)},
		{"State", terminal.Paint(w, state.Colour, state.Text) + fmt.Sprintf(", %s", attempts(v.Attempt))},
		{errorLabel(v.State), jobReason(v.Job)},
		{"Next run", momentOr(v.DueAt)},
		{"Lease until", momentOr(v.LeaseExpiresAt)},
		{"Event", v.EventID},
		{"Parent job", orNone(v.ParentJobID)},
		{"Chain", strings.Join(v.Lineage, " -> ")},
		{"Replay of", orNone(v.ReplayOf)},
		{"Created", when(&v.CreatedAt)},
		{"Finished", momentOr(v.FinishedAt)},
		{"Context", compact(v.Context)},
		{"Data", compact(v.Data)},
		{"Payload", unpreparedText(v.Unprepared)},
	}
	for _, e := range v.Edits {
		was := fmt.Sprintf("%s and %s until %s, %s", compact(e.Context), compact(e.Data), when(&e.At), e.By)
		lines = append(lines, [2]string{"Previous", was})
	}
	if err := writeLines(c, lines); err != nil {
		return err
	}
	if err := say(c, ""); err != nil {
		return err
	}
	table := terminal.NewTable("TIME", "STATE", "ATTEMPT", "REASON")
	for _, t := range v.Transitions {
		table.Row(when(&t.At), jobCell(t.To), t.Attempt, brief(reasonOf(t.Error, t.By), 120))
	}
	return table.Write(w)
}

// unpreparedText describes the payload of an unprepared job, "" for others.
func unpreparedText(unprepared bool) string {
	if unprepared {
		return "unprepared: a worker that has the destination makes it of context and data"
	}
	return ""
}

// errorLabel is the label of the error of a job in that state.
func errorLabel(state string) string {
	if state == deliverystore.JobExecuting {
		return "Last error"
	}
	return "Reason"
}

func attempts(n int32) string {
	return plural(int64(n), "attempt")
}

func versionNote(version string) string {
	if version == "" {
		return ""
	}
	return ", version " + version
}

func momentOr(t *time.Time) string {
	if t == nil {
		return ""
	}
	return when(t)
}

func orNone(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// compact writes JSON on one line; invalid JSON stays unchanged.
func compact(text json.RawMessage) string {
	var line bytes.Buffer
	if err := json.Compact(&line, text); err != nil {
		return string(text)
	}
	return line.String()
}
