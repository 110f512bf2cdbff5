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
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
)

// jobJSON is the JSON form of a job. Fields are only ever added.
type jobJSON struct {
	listedJobJSON

	// Unprepared says that the payload is the input of the action's Marshal: a worker that has the
	// destination prepares the job.
	Unprepared     bool             `json:"unprepared"`
	Lineage        []string         `json:"lineage"`
	SentAt         *time.Time       `json:"sent_at"`
	LeaseExpiresAt *time.Time       `json:"lease_expires_at"`
	Context        json.RawMessage  `json:"context"`
	Data           json.RawMessage  `json:"data"`
	Transitions    []transitionJSON `json:"transitions"`
	Edits          []editJSON       `json:"edits"`
}

// transitionJSON is a line of a job's history.
type transitionJSON struct {
	At      time.Time `json:"at"`
	From    *string   `json:"from"`
	To      string    `json:"to"`
	Attempt int32     `json:"attempt"`
	Error   string    `json:"error"`
	By      string    `json:"by"`
}

// editJSON is the payload of a job before an edit.
type editJSON struct {
	At      time.Time       `json:"at"`
	By      string          `json:"by"`
	Context json.RawMessage `json:"context"`
	Data    json.RawMessage `json:"data"`
}

// jobArg returns the command's single argument, the ID of a job.
func jobArg(c *cli.Context) (string, error) { return oneArg(c, "a job ID") }

func showJob(ctx context.Context, s *session) error {
	id, err := jobArg(s.cli)
	if err != nil {
		return err
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	view, err := jobView(ctx, s, opened, id)
	if err != nil {
		return err
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, view)
	}
	return writeJob(s.cli, view)
}

func jobView(ctx context.Context, s *session, opened *dispatchstore.Store, id string) (jobJSON, error) {
	j, err := opened.Deliveries.Job(ctx, id)
	if err != nil {
		return jobJSON{}, err
	}
	why, err := deliverystore.ErrorOf(j.LastError)
	if err != nil {
		return jobJSON{}, err
	}
	workers, err := s.liveWorkers(ctx)
	if err != nil {
		return jobJSON{}, err
	}
	view := jobJSON{
		listedJobJSON: listedJobJSON{
			ID: j.ID, Destination: j.Destination, Action: j.Action, Version: j.Version, EventID: j.EventID,
			ParentJobID: j.ParentJobID, ReplayOf: j.ReplayOf, State: j.State, Attempt: j.Attempt, DueAt: j.DueAt,
			Error: why.Message, By: why.By, CreatedAt: j.CreatedAt, UpdatedAt: j.UpdatedAt, FinishedAt: j.FinishedAt,
			NoWorker: noAction(workers, j.State, j.Destination, j.Action),
		},
		Unprepared: j.Unprepared,
		Lineage:    orEmpty(j.Lineage), SentAt: j.SentAt, LeaseExpiresAt: j.LeaseExpiresAt, Context: j.Context, Data: j.Data,
		Transitions: []transitionJSON{}, Edits: []editJSON{},
	}
	moves, err := opened.Deliveries.TransitionsOf(ctx, id)
	if err != nil {
		return jobJSON{}, fmt.Errorf("read the history of job %s: %w", id, err)
	}
	for _, m := range moves {
		why, err := deliverystore.ErrorOf(m.Error)
		if err != nil {
			return jobJSON{}, err
		}
		view.Transitions = append(view.Transitions, transitionJSON{
			At: m.At, From: m.StateBefore, To: m.StateAfter, Attempt: m.Attempt, Error: why.Message, By: why.By,
		})
	}
	edits, err := opened.Deliveries.EditsOf(ctx, id)
	if err != nil {
		return jobJSON{}, fmt.Errorf("read the edits of job %s: %w", id, err)
	}
	for _, e := range edits {
		view.Edits = append(view.Edits, editJSON{At: e.At, By: e.By, Context: e.Context, Data: e.Data})
	}
	return view, nil
}

func writeJob(c *cli.Context, v jobJSON) error {
	w, state := c.App.Writer, jobCell(v.State)
	lines := [][2]string{
		{"Job", v.ID},
		{"Action", v.Destination + "/" + v.Action + versionNote(v.Version)},
		{"State", terminal.Paint(w, state.Colour, state.Text) + fmt.Sprintf(", %s", attempts(v.Attempt))},
		{errorLabel(v.State), v.reason()},
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

// writeLines writes names and values in two columns, without empty values.
func writeLines(c *cli.Context, lines [][2]string) error {
	width := 0
	for _, line := range lines {
		width = max(width, len(line[0]))
	}
	for _, line := range lines {
		if line[1] == "" {
			continue
		}
		name := terminal.Paint(c.App.Writer, terminal.Faint, fmt.Sprintf("%-*s", width, line[0]))
		if err := say(c, "%s  %s", name, terminal.Block(line[1], width+2)); err != nil {
			return err
		}
	}
	return nil
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
