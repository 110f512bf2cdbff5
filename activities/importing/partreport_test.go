package importing_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
)

// All parts of a plan together send at most MaxReports reports.
func TestReportRule(t *testing.T) {
	t.Parallel()
	for plan, want := range map[struct {
		bytes int64
		total int
	}]importing.ReportRule{
		{0, 0}:                  {},
		{1, 1}:                  {Bytes: 1},
		{2000, 3}:               {Bytes: 100},
		{2001, 1000}:            {Bytes: 101},
		{math.MaxInt64, 1}:      {Bytes: math.MaxInt64/importing.MaxReports + 1},
		{0, 1}:                  {Times: 20},
		{0, 9}:                  {Times: 2},
		{0, 21}:                 {},
		{0, importers.MaxParts}: {},
	} {
		require.Equal(t, want, importing.Planned{Bytes: plan.bytes, Total: plan.total}.ReportRule(), "%v", plan)
	}
}

// A part reports every 5 % of the import; a send that hangs delays neither the next chunks nor
// the end, and one that fails is no failure of the part.
func TestPartReports(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]func(context.Context) error{
		"works": func(context.Context) error { return nil },
		"fails": func(context.Context) error { return errors.New("the server is away") },
		"hangs": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			sent := make(chan importing.PartReport, 1000)
			b.Report = func(ctx context.Context, r importing.PartReport) error {
				sent <- r
				return send(ctx)
			}
			b.Env = b.NewEnv()
			ref := b.Create(t, b.Site, `{"rows": 1000, "delay": "2ms"}`)
			var plan importing.Planned
			b.Run(t, b.Plan, ref, &plan)
			require.Positive(t, plan.Bytes)
			var got importing.PartResult
			b.Run(t, b.ImportData, importing.PartRef{ImportID: ref.ImportID, Report: plan.ReportRule()}, &got)
			require.Equal(t, importing.PartResult{RowsRead: 1000, RowsLoaded: 1000}, got)
			close(sent)
			last := int64(0)
			n := 0
			for report := range sent {
				n++
				require.EqualValues(t, 1, report.FencingToken)
				require.Positive(t, report.RowsRead)
				require.GreaterOrEqual(t, report.RowsRead-last, int64(50))
				require.Less(t, report.RowsRead, int64(1000), "the end is no report")
				last = report.RowsRead
			}
			require.Positive(t, n)
			require.Less(t, n, importing.MaxReports)
			if name == "hangs" {
				require.Less(t, n, 10, "those that came meanwhile are replaced by the latest")
			}
		})
	}
}

// unsized is noop without a word about how much there is to read.
type unsized struct{ importers.Importer }

// Plan takes the sizes from the plan.
func (u unsized) Plan(ctx context.Context, imp importers.Import) (importers.Plan, error) {
	plan, err := u.Importer.Plan(ctx, imp)
	for i := range plan.Parts {
		plan.Parts[i].Bytes = 0
	}
	return plan, err
}

// A part of unknown size reports as its chunks double; a later attempt continues with that.
func TestPartOfUnknownSizeReports(t *testing.T) {
	t.Parallel()
	b := setup(t, unsized{noop.New()})
	var sent []int64
	b.Report = func(_ context.Context, r importing.PartReport) error {
		sent = append(sent, r.RowsRead)
		return nil
	}
	b.Env = b.NewEnv()
	ref := b.Create(t, b.Site, `{"rows": 200, "delay": "20ms"}`)
	var plan importing.Planned
	b.Run(t, b.Plan, ref, &plan)
	require.Zero(t, plan.Bytes)
	rule := plan.ReportRule()
	require.Equal(t, importing.ReportRule{Times: importing.MaxReports}, rule)
	rule.Times = 3
	b.Run(t, b.ImportData, importing.PartRef{ImportID: ref.ImportID, Report: rule}, nil)
	require.Equal(t, []int64{10, 20, 40}, sent, "behind the chunks 1, 2 and 4, and not 8 and 16")
}
