package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/internal/terminal"
	"github.com/sluicehq/sluice/starter"
)

// dryRun shows what an import would do. The error is the one that the import would end with.
func dryRun(ctx context.Context, s *session, request starter.Request) error {
	client, err := s.Starter(ctx)
	if err != nil {
		return err
	}
	report, err := client.DryRun(ctx, request)
	if err != nil {
		return err
	}
	if asJSON(s.cli) {
		err = writeJSON(s.cli, report)
	} else {
		err = writeReport(s.cli.App.Writer, report)
	}
	if err == nil && report.Error != "" {
		err = fmt.Errorf("the import would fail: %s (%s)", report.Error, report.Class)
	}
	return err
}

func writeReport(w io.Writer, r importacts.DryRunReport) error {
	lines := [][2]string{
		{"Dry run", fmt.Sprintf("%s into %s; nothing is written", r.Source, r.Site)},
		{"Unchanged", r.Unchanged},
		{"Source days", r.SourceDays},
		{"Importing", r.Days},
	}
	for _, l := range r.Log {
		lines = append(lines, [2]string{"Log", l.Level + ": " + l.Message})
	}
	for _, l := range r.Locks {
		lines = append(lines, [2]string{"Locks", lockLine(l)})
	}
	if r.WaitUntil != nil {
		lines = append(lines, [2]string{"Waiting", "until " + when(r.WaitUntil)})
	}
	lines = append(lines, [2]string{"Review", reviewLine(r)})
	if r.PartsTotal > 0 {
		lines = append(lines, [2]string{"Parts", partsLine(r)}, [2]string{"Estimate", estimateLine(r.DryRunEstimate)})
	}
	if err := writeColumns(w, 11, lines); err != nil {
		return err
	}
	if len(r.Parts) == 0 {
		return nil
	}
	if err := writeSampledParts(w, r.Parts); err != nil {
		return err
	}
	for _, p := range r.Parts {
		if err := writeSample(w, p); err != nil {
			return err
		}
	}
	return nil
}

func lockLine(l importacts.DryRunLock) string {
	mode := "exclusive"
	if l.Shared {
		mode = "shared"
	}
	text := l.Resource + ", " + mode
	if l.Free {
		return text + ", free"
	}
	if len(l.Holders) > 0 {
		text += ", held by " + importList(l.Holders)
	}
	if len(l.Waiting) > 0 {
		text += ", requested by " + importList(l.Waiting)
	}
	return text + "; the import would wait"
}

func importList(ids []int64) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = fmt.Sprintf("import %d", id)
	}
	return strings.Join(texts, ", ")
}

func reviewLine(r importacts.DryRunReport) string {
	if r.Review {
		return "required before rows become visible"
	}
	return "none; rows become visible at the end"
}

func partsLine(r importacts.DryRunReport) string {
	text := humanize.Comma(int64(r.PartsTotal))
	if len(r.Parts) < r.PartsTotal {
		text += fmt.Sprintf(", the first %d sampled", len(r.Parts))
	}
	return text
}

func estimateLine(e importacts.DryRunEstimate) string {
	if e.EstimatedRows == nil {
		return "unknown: the source does not report its size"
	}
	text := "about " + humanize.Comma(*e.EstimatedRows) + " rows"
	if e.EstimatedSeconds != nil {
		took := time.Duration(*e.EstimatedSeconds * float64(time.Second))
		text += fmt.Sprintf(", %s at %s rows/s, %s", terminal.Duration(took), humanize.Comma(e.RowsPerSecond), e.SpeedIs)
	}
	return text
}

func writeSampledParts(w io.Writer, parts []importacts.DryRunPart) error {
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	table := terminal.NewTable(
		"PART", "LABEL", "TABLE", "BYTES", "ROWS READ", "REJECTED", "OUT OF RANGE", "LEFT OUT", "TOTAL ROWS", "ERROR")
	for _, p := range parts {
		rows := "?"
		if p.EstimatedRows != nil {
			rows = humanize.Comma(*p.EstimatedRows)
			if !p.Complete {
				rows = "~" + rows
			}
		}
		table.Row(terminal.Ordinal(int32(p.Part)), p.Label, p.Table, p.Bytes,
			p.RowsRead, p.RowsRejected, p.RowsOutOfRange, p.RowsLeftOut, rows, brief(p.Error, 80))
	}
	return table.Write(w)
}

// writeSample writes sample rows and rejects of a part.
func writeSample(w io.Writer, p importacts.DryRunPart) error {
	if len(p.Sample) > 0 {
		if _, err := fmt.Fprintf(w, "\n%s\n", p.Label); err != nil {
			return err
		}
		header := make([]string, len(p.Columns))
		for i, c := range p.Columns {
			header[i] = strings.ToUpper(c)
		}
		table := terminal.NewTable(header...)
		for _, row := range p.Sample {
			cells := make([]any, len(row))
			for i, cell := range row {
				cells[i] = cell
			}
			table.Row(cells...)
		}
		if err := table.Write(w); err != nil {
			return err
		}
	}
	for _, r := range p.Rejects {
		_, err := fmt.Fprintf(w, "%s:%d: %s: %s\n",
			terminal.Line(r.File), r.Line, terminal.Line(orDash(r.Column)), terminal.Line(r.Reason))
		if err != nil {
			return err
		}
	}
	return nil
}
