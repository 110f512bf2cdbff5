package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/internal/inbound"
	"github.com/sluicehq/sluice/internal/terminal"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// maxListed bounds a listing of imports.
const maxListed = 1000

func listImports(ctx context.Context, s *session) error {
	limit, err := limitFlag(s.cli, maxListed)
	if err != nil {
		return err
	}
	statuses, err := statusFlag(s.cli)
	if err != nil {
		return err
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	summaries, err := opened.Imports.Summaries(ctx, importstore.Listing{
		Site: s.cli.String("site"), Source: s.cli.String("source"), By: s.cli.String("by"), Statuses: statuses,
		BeforeID: s.cli.Int64("before"), Limit: int32(limit),
	})
	if err != nil {
		return err
	}
	workers, err := s.liveWorkers(ctx)
	if err != nil {
		return err
	}
	if asJSON(s.cli) {
		views := make([]importview.Listed, len(summaries))
		for i, summary := range summaries {
			parts, err := opened.Imports.ListParts(ctx, summary.Import.ID)
			if err != nil {
				return err
			}
			views[i] = importview.Listed{
				Import: importview.New(workers, summary), Parts: importview.Parts(summary.Import.Status, parts),
			}
		}
		return writeJSON(s.cli, views)
	}
	if len(summaries) == 0 {
		return nothing(s.cli, "imports", "No imports found. Start one with `sluice import start`.")
	}
	table := terminal.NewTable("ID", "SITE", "SOURCE", "STATUS", "PHASE", "PARTS", "ROWS LOADED", "REJECTED", "WARNINGS",
		"ERRORS", "STARTED", "DURATION", "LAST ERROR")
	for _, i := range summaries {
		i, _, _ = importview.WithoutPurged(i, nil)
		table.Row(terminal.Ordinal(i.Import.ID), i.Domain, i.Import.Source,
			statusCell(i.Import.Status), phaseCell(i.Import), partsCell(i), i.RowsLoaded, i.RowsRejected, i.Warnings,
			i.Errors, when(i.Import.StartedAt), took(i.Import),
			brief(cmp.Or(i.Import.Error, i.Import.WorkflowFault, importview.NoImporter(workers, i.Import), i.Import.AttemptError,
				i.LastError), 60))
	}
	return table.Write(s.cli.App.Writer)
}

// statusFlag returns the statuses of --status.
func statusFlag(c *cli.Context) ([]string, error) {
	statuses, err := importview.ParseStatuses(c.StringSlice("status"))
	if err != nil {
		return nil, fmt.Errorf("--status %w", err)
	}
	return statuses, nil
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
	workers, err := s.liveWorkers(ctx)
	if err != nil {
		return err
	}
	shown, err := importview.Show(ctx, opened.Imports, workers, id)
	if err != nil {
		return err
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, shown.View)
	}
	w := s.cli.App.Writer
	imp := shown.Summary.Import
	summary, parts, back := importview.WithoutPurged(shown.Summary, shown.Parts)
	return errors.Join(
		writeHead(w, summary, shown.Superseded, waitLine(shown.Waits, imp)), writeSummary(w, shown.Data),
		writeParts(w, parts), writeSums(w, summary, parts, back),
		writeLogCounts(w, summary))
}

func writeHead(w io.Writer, s importstore.Summary, superseded calendar.Set, waits string) error {
	i := s.Import
	status := statusCell(i.Status)
	lines := [][2]string{
		{"Import", fmt.Sprintf("%d, %s", i.ID, i.Label)},
		{"Site", s.Domain},
		{"Source", i.Source},
		{"Status", terminal.Paint(w, status.Colour, status.Text) + phaseNote(i)},
	}
	if i.StartDate != nil && i.EndDate != nil {
		lines = append(lines, [2]string{"Source days", fmt.Sprintf("%s..%s", i.StartDate, i.EndDate)})
		// A failed or cancelled import has imported no day.
		switch {
		case i.Status == importstore.StatusCompleted:
			lines = append(lines, [2]string{"Imported", i.Days.String()})
			if len(superseded) > 0 {
				lines = append(lines, [2]string{"Superseded", superseded.String() + " by native data"})
			}
		case !importstore.Ended(i.Status):
			lines = append(lines, [2]string{"Importing", i.Days.String()})
		}
	}
	if i.StartedAt != nil {
		lines = append(lines, [2]string{"Started", when(i.StartedAt) + tookNote(i)})
	}
	lines = append(lines, [2]string{"Workflow", i.WorkflowID}, [2]string{"Run", i.RunID},
		[2]string{"Started by", i.RequestedBy})
	if i.Rate > 0 {
		lines = append(lines, [2]string{"Rate", "at most " + humanize.Comma(i.Rate) + " rows/s"})
	}
	lines = append(lines, [2]string{"Waiting", terminal.Paint(w, terminal.Yellow, waits)},
		[2]string{"Fault", terminal.Paint(w, terminal.Red, i.WorkflowFault)},
		[2]string{"Retrying", terminal.Paint(w, terminal.Yellow, i.AttemptError)})
	switch {
	case i.Error == "":
	case i.Status == importstore.StatusCancelled, i.Status == importstore.StatusDeclined:
		lines = append(lines, [2]string{"Reason", i.Error})
	default:
		fault := terminal.Paint(w, terminal.Red, shownFaults(i.Error))
		lines = append(lines, [2]string{"Error", fault + " (" + i.ErrorClass + ")"})
	}
	if s.LastError != "" && s.LastError != i.Error {
		lines = append(lines, [2]string{"Last error", terminal.Paint(w, terminal.Red, shownFaults(s.LastError))})
	}
	return writeColumns(w, 11, lines)
}

// writeSummary writes the importer's summary for reviewers, one key per line.
func writeSummary(w io.Writer, summary json.RawMessage) error {
	if summary == nil {
		return nil
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(summary, &values); err != nil {
		return fmt.Errorf("read the summary: %w", err)
	}
	if _, err := fmt.Fprintf(w, "\n%s\n", terminal.Paint(w, terminal.Faint, "Summary")); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		value := terminal.Block(string(values[key]), 4)
		if _, err := fmt.Fprintf(w, "  %s: %s\n", terminal.Block(key, 2), value); err != nil {
			return err
		}
	}
	return nil
}

func writeParts(w io.Writer, parts []importstore.Part) error {
	if len(parts) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return partsTable(parts).Write(w)
}

func partsTable(parts []importstore.Part) *terminal.Table {
	table := terminal.NewTable(
		"PART", "LABEL", "STATUS", "ROWS READ", "LOADED", "REJECTED", "OUT OF RANGE", "LEFT OUT", "ERROR")
	for _, p := range parts {
		table.Row(terminal.Ordinal(p.No), p.Label, partCell(p),
			p.RowsRead, p.RowsLoaded, p.RowsRejected, p.RowsOutOfRange, p.RowsLeftOut, brief(p.Error, 80))
	}
	return table
}

// writeSums writes the sums of rows; back is the number of purged rows.
func writeSums(w io.Writer, s importstore.Summary, parts []importstore.Part, back int64) error {
	if s.PartsTotal == 0 {
		return nil
	}
	taken := ""
	if back > 0 {
		taken = fmt.Sprintf(" + %s purged", humanize.Comma(back))
	}
	_, err := fmt.Fprintf(w, "\n%s rows read = %s loaded + %s rejected + %s out of range + %s left out%s%s\n",
		humanize.Comma(s.RowsRead), humanize.Comma(s.RowsLoaded), humanize.Comma(s.RowsRejected),
		humanize.Comma(s.RowsOutOfRange), humanize.Comma(s.RowsLeftOut), taken, speedNote(s.RowsRead, parts))
	if err == nil && s.RowsRejected > 0 {
		_, err = fmt.Fprintf(w, "List rejected rows with `sluice import rejects %d`.\n", s.Import.ID)
	}
	return err
}

// writeLogCounts counts the warnings and errors in the log of an import, and names the
// command that shows them.
func writeLogCounts(w io.Writer, s importstore.Summary) error {
	var counts []string
	for _, level := range []struct {
		lines int64
		name  string
	}{{s.Warnings, "warning"}, {s.Errors, "error"}} {
		if level.lines > 0 {
			counts = append(counts, plural(level.lines, level.name))
		}
	}
	if len(counts) == 0 {
		return nil
	}
	colour := terminal.Yellow
	if s.Errors > 0 {
		colour = terminal.Red
	}
	text := fmt.Sprintf("%s in the log: see `sluice import logs %d`.", strings.Join(counts, " and "), s.Import.ID)
	_, err := fmt.Fprintln(w, terminal.Paint(w, colour, text))
	return err
}

// speedNote is the speed of loading, from the start of the first part to the end of the last one;
// "" below a second, which is too short to tell.
func speedNote(rows int64, parts []importstore.Part) string {
	var first, last time.Time
	for _, p := range parts {
		if p.StartedAt == nil || p.FinishedAt == nil {
			continue
		}
		if first.IsZero() || p.StartedAt.Before(first) {
			first = *p.StartedAt
		}
		if p.FinishedAt.After(last) {
			last = *p.FinishedAt
		}
	}
	took := last.Sub(first)
	if took < time.Second || rows == 0 {
		return ""
	}
	rate := int64(float64(rows) / took.Seconds())
	return fmt.Sprintf(", loaded in %s, %s rows/s", terminal.Duration(took), humanize.Comma(rate))
}

// phaseCell is the phase of an import, "-" after its end.
func phaseCell(i importstore.Import) string {
	switch {
	case i.Phase == i.Status:
		return "-"
	case i.Paused:
		return i.Phase + ", paused"
	default:
		return i.Phase
	}
}

func partsCell(s importstore.Summary) string {
	if s.PartsTotal == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d", s.PartsDone, s.PartsTotal)
}

func phaseNote(i importstore.Import) string {
	note := ""
	if i.Phase != i.Status {
		note = ", " + i.Phase
	}
	if i.Paused {
		note += ", paused"
	}
	return note
}

func statusCell(status string) terminal.Coloured {
	colours := map[string]terminal.Colour{
		importstore.StatusCompleted: terminal.Green, importstore.StatusFailed: terminal.Red,
		importstore.StatusCancelled: terminal.Yellow,
		importstore.StatusParked:    terminal.Yellow, importstore.StatusRunning: terminal.Cyan,
		importstore.StatusInReview:  terminal.Yellow,
		importstore.StatusUnchanged: terminal.Green, importstore.StatusDeclined: terminal.Yellow,
	}
	text := status
	if status == importstore.StatusInReview {
		text = "in review"
	}
	return terminal.Coloured{Text: text, Colour: colours[status]}
}

func partCell(p importstore.Part) terminal.Coloured {
	colours := map[string]terminal.Colour{
		importstore.PartDone: terminal.Green, importstore.PartFailed: terminal.Red, importstore.PartParked: terminal.Yellow,
		importstore.PartSkipped: terminal.Yellow, importstore.PartRunning: terminal.Cyan,
	}
	return terminal.Coloured{Text: partText(p), Colour: colours[p.Status]}
}

func when(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Local().Format(time.DateTime)
}

func took(i importstore.Import) string {
	if i.StartedAt == nil {
		return "-"
	}
	end := time.Now()
	if i.FinishedAt != nil {
		end = *i.FinishedAt
	}
	return terminal.Duration(end.Sub(*i.StartedAt))
}

func tookNote(i importstore.Import) string {
	if i.FinishedAt == nil {
		return ", " + took(i) + " ago"
	}
	return ", took " + took(i)
}

// brief cuts a text to its first line and to a number of bytes, and marks the cut with an ellipsis.
func brief(text string, limit int) string {
	line, _, more := strings.Cut(text, "\n")
	if more || len(line) > limit {
		return inbound.Prefix(line, limit) + "..."
	}
	return line
}

// maxShownFaults bounds a list of faults on a terminal, in bytes of JSON. --output json is complete.
const maxShownFaults = 4000

// shownFaults cuts a list of faults, one per line, after a whole fault.
func shownFaults(text string) string { return inbound.CutLines(text, maxShownFaults) }
