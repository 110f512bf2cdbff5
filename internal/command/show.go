package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sluicehq/sluice/internal/terminal"
	"github.com/sluicehq/sluice/store"
)

// maxListed bounds a listing of imports.
const maxListed = 1000

func listImports(ctx context.Context, s *session) error {
	if err := noArgs(s.cli); err != nil {
		return err
	}
	limit, err := limitFlag(s.cli, maxListed)
	if err != nil {
		return err
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	summaries, err := opened.Summaries(ctx, s.cli.String("site"), s.cli.Int64("before"), int32(limit))
	if err != nil {
		return err
	}
	if asJSON(s.cli) {
		views := make([]importJSON, len(summaries))
		for i, summary := range summaries {
			parts, err := opened.ListParts(ctx, summary.Import.ID)
			if err != nil {
				return err
			}
			views[i] = importView(summary, parts)
		}
		return writeJSON(s.cli, views)
	}
	table := terminal.NewTable("ID", "SITE", "SOURCE", "STATUS", "PHASE", "PARTS", "ROWS LOADED", "REJECTED", "STARTED", "TOOK", "ERROR")
	for _, i := range summaries {
		table.Row(terminal.Coloured{Text: fmt.Sprint(i.Import.ID)}, i.Domain, i.Import.Source, statusCell(i.Import.Status), i.Import.Phase,
			fmt.Sprintf("%d/%d", i.PartsDone, i.PartsTotal), i.RowsLoaded, i.RowsRejected,
			when(i.Import.StartedAt), took(i.Import), brief(cmp.Or(i.Import.Error, i.Import.Trouble), 60))
	}
	return table.Write(s.cli.App.Writer)
}

func showImport(ctx context.Context, s *session) error {
	id, err := idArg(s.cli)
	if err != nil {
		return err
	}
	return printImport(ctx, s, id)
}

// printImport writes an import with its parts.
func printImport(ctx context.Context, s *session, id int64) error {
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	summary, err := opened.Summary(ctx, id)
	if err != nil {
		return err
	}
	parts, err := opened.ListParts(ctx, id)
	if err != nil {
		return err
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, importView(summary, parts))
	}
	w := s.cli.App.Writer
	return errors.Join(writeHead(w, summary), writeParts(w, parts), writeSums(w, summary))
}

func writeHead(w io.Writer, s store.ImportSummary) error {
	i := s.Import
	status := statusCell(i.Status)
	lines := [][2]string{
		{"Import", fmt.Sprintf("%d, %s", i.ID, i.Label)},
		{"Site", s.Domain},
		{"Source", i.Source},
		{"Status", terminal.Paint(w, status.Colour, status.Text) + phaseNote(i)},
	}
	if i.StartDate != nil && i.EndDate != nil {
		lines = append(lines, [2]string{"Source has", fmt.Sprintf("%s..%s", i.StartDate, i.EndDate)}, [2]string{"Imported", i.Days.String()})
	}
	if i.StartedAt != nil {
		lines = append(lines, [2]string{"Started", when(i.StartedAt) + tookNote(i)})
	}
	if i.WorkflowID != "" {
		lines = append(lines, [2]string{"Workflow", i.WorkflowID + " run " + i.RunID})
	}
	if i.Trouble != "" {
		lines = append(lines, [2]string{"Retrying", terminal.Paint(w, terminal.Yellow, i.Trouble)})
	}
	if i.Error != "" {
		lines = append(lines, [2]string{"Error", terminal.Paint(w, terminal.Red, i.Error) + " (" + i.ErrorClass + ")"})
	}
	for _, line := range lines {
		if _, err := fmt.Fprintf(w, "%s %s\n", terminal.Paint(w, terminal.Faint, fmt.Sprintf("%-10s", line[0])), line[1]); err != nil {
			return err
		}
	}
	return nil
}

func writeParts(w io.Writer, parts []store.Part) error {
	if len(parts) == 0 {
		return nil
	}
	table := terminal.NewTable("PART", "LABEL", "STATUS", "ROWS READ", "LOADED", "REJECTED", "OUT OF RANGE", "ERROR")
	for _, p := range parts {
		table.Row(p.No, p.Label, partCell(p.Status), p.RowsRead, p.RowsLoaded, p.RowsRejected, p.RowsOutOfRange, brief(p.Error, 80))
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return table.Write(w)
}

func writeSums(w io.Writer, s store.ImportSummary) error {
	if s.PartsTotal == 0 {
		return nil
	}
	speed := ""
	if s.Import.StartedAt != nil && s.Import.FinishedAt != nil {
		if seconds := s.Import.FinishedAt.Sub(*s.Import.StartedAt).Seconds(); seconds > 0 {
			speed = fmt.Sprintf(", %s rows/s", terminal.Count(int64(float64(s.RowsRead)/seconds)))
		}
	}
	_, err := fmt.Fprintf(w, "\n%s rows read = %s loaded + %s rejected + %s out of range%s\n",
		terminal.Count(s.RowsRead), terminal.Count(s.RowsLoaded), terminal.Count(s.RowsRejected), terminal.Count(s.RowsOutOfRange), speed)
	if err == nil && s.RowsRejected > 0 {
		_, err = fmt.Fprintf(w, "`sluice import rejects %d` lists the rejected rows.\n", s.Import.ID)
	}
	return err
}

func phaseNote(i store.Import) string {
	if i.Phase == i.Status {
		return ""
	}
	return ", " + i.Phase
}

func statusCell(status string) terminal.Coloured {
	colours := map[string]terminal.Colour{
		store.StatusCompleted: terminal.Green, store.StatusFailed: terminal.Red, store.StatusCancelled: terminal.Yellow,
		store.StatusParked: terminal.Yellow, store.StatusRunning: terminal.Cyan,
	}
	return terminal.Coloured{Text: status, Colour: colours[status]}
}

func partCell(status string) terminal.Coloured {
	colours := map[string]terminal.Colour{
		store.PartDone: terminal.Green, store.PartFailed: terminal.Red, store.PartParked: terminal.Yellow,
		store.PartSkipped: terminal.Yellow, store.PartRunning: terminal.Cyan,
	}
	return terminal.Coloured{Text: status, Colour: colours[status]}
}

func when(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Local().Format(time.DateTime)
}

func took(i store.Import) string {
	if i.StartedAt == nil {
		return "-"
	}
	end := time.Now()
	if i.FinishedAt != nil {
		end = *i.FinishedAt
	}
	return terminal.Duration(end.Sub(*i.StartedAt))
}

func tookNote(i store.Import) string {
	if i.FinishedAt == nil {
		return ", " + took(i) + " ago"
	}
	return ", took " + took(i)
}

// brief cuts a text to its first line and so many characters.
func brief(text string, most int) string {
	for i, r := range text {
		if r == '\n' || i >= most {
			return text[:i] + "..."
		}
	}
	return text
}
