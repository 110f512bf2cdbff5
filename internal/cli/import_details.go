package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/internal/spreadsheet"
	"github.com/sluicehq/sluice/internal/terminal"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse"
)

func listParts(ctx context.Context, s *session, id int64, opened *dispatchstore.Store) error {
	imp, err := opened.Imports.Import(ctx, id)
	if err != nil {
		return err
	}
	parts, err := opened.Imports.ListParts(ctx, id)
	if err != nil {
		return err
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, importview.Parts(imp.Status, parts))
	}
	_, parts, _ = importview.WithoutPurged(importstore.Summary{Import: imp}, parts)
	if len(parts) == 0 {
		return say(s.cli, "Import %d has no parts.", id)
	}
	return partsTable(parts).Write(s.cli.App.Writer)
}

// logPage is the number of log lines per query, and logPoll the polling interval of --follow.
const (
	logPage = 500
	logPoll = 250 * time.Millisecond
)

func showLogs(ctx context.Context, s *session, id int64, opened *dispatchstore.Store) error {
	ticker := time.NewTicker(logPoll)
	defer ticker.Stop()
	after := int32(0)
	for {
		// The import is read first: an ended import has all of its lines.
		imp, err := opened.Imports.Import(ctx, id)
		if err != nil {
			return err
		}
		lines, err := opened.Imports.ListFeedback(ctx, importstore.FeedbackQuery{
			ImportID: id, AfterSeq: after, RowLimit: logPage,
		})
		if err != nil {
			return err
		}
		for _, line := range lines {
			if err := printLine(s, line); err != nil {
				return err
			}
			after = line.Seq
		}
		if len(lines) == logPage {
			continue
		}
		if !s.cli.Bool("follow") || importstore.Ended(imp.Status) {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// printLine writes a line of a log. JSON is one object per line, because -f has no end of a list.
func printLine(s *session, line importstore.Feedback) error {
	w := s.cli.App.Writer
	switch s.cli.String("output") {
	case "json":
		return json.NewEncoder(w).Encode(importview.FeedbackOf(line))
	case "csv":
		rows := [][]string{{
			strconv.Itoa(int(line.Seq)), line.At.UTC().Format(time.RFC3339Nano), line.Level, line.Message,
		}}
		if line.Seq == 1 {
			rows = slices.Insert(rows, 0, []string{"seq", "at", "level", "message"})
		}
		return spreadsheet.Write(w, rows)
	}
	colour := map[string]terminal.Colour{
		importstore.LevelWarn: terminal.Yellow, importstore.LevelError: terminal.Red,
	}[line.Level]
	_, err := fmt.Fprintf(w, "%s %s %s\n",
		terminal.Paint(w, terminal.Faint, line.At.Local().Format(time.DateTime)),
		terminal.Paint(w, colour, fmt.Sprintf("%-5s", line.Level)), terminal.Line(line.Message))
	return err
}

// partNumbers reads the flag part.
func partNumbers(c *cli.Context) ([]uint32, error) {
	var parts []uint32
	for _, text := range listFlag(c, "part") {
		number, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("--part %s: want the number of a part, from 0", text)
		}
		parts = append(parts, uint32(number))
	}
	return parts, nil
}

// maxRejectsListed bounds a listing of rejects.
const maxRejectsListed = 10000

func listRejects(ctx context.Context, s *session) error {
	id, err := idArg(s.cli)
	if err != nil {
		return err
	}
	limit, err := limitFlag(s.cli, maxRejectsListed)
	if err != nil {
		return err
	}
	skip := s.cli.Int("skip")
	if skip < 0 {
		return fmt.Errorf("--skip %d: want at least 0", skip)
	}
	parts, err := partNumbers(s.cli)
	if err != nil {
		return err
	}
	filter := warehouse.RejectFilter{
		Parts: parts, Column: s.cli.String("column"), Text: strings.TrimSpace(s.cli.String("text")),
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	imp, err := opened.Imports.Import(ctx, id)
	if err != nil {
		return err
	}
	house, err := s.Warehouse(ctx)
	if err != nil {
		return err
	}
	rejects, err := house.Rejects(ctx, uint64(imp.SiteID), uint64(id), filter, skip, limit)
	if err != nil {
		return err
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, convert.Slice(rejects, importview.RejectOf))
	}
	switch {
	case len(rejects) == 0 && skip > 0:
		return say(s.cli, "Import %d has no rejected rows after the first %d.", id, skip)
	case len(rejects) == 0:
		return nothing(s.cli, "rejected rows", fmt.Sprintf("Import %d has no rejected rows.", id))
	}
	table := terminal.NewTable("FILE", "LINE", "COLUMN", "REASON", "SAMPLE")
	for _, r := range rejects {
		table.Row(r.File, terminal.Ordinal(r.Line), r.Column, r.Reason, fmt.Sprintf("%q", brief(r.Sample, 60)))
	}
	if err := table.Write(s.cli.App.Writer); err != nil {
		return err
	}
	if len(rejects) == limit {
		err = say(s.cli, "There may be more: continue with --skip %d.", skip+limit)
	}
	return err
}
