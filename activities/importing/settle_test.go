package importing_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse/schema"
)

const newYear calendar.Day = 18628 // 2021-01-01

// span is days of January 2021, from one to another.
func span(first, last calendar.Day) calendar.Set {
	return calendar.NewSet(calendar.Range{First: newYear + first - 1, Last: newYear + last - 1})
}

// fileLike is a noop importer with parts of the test's own, by their tables: each has the rows
// of the days that it lists, and confirms nothing, as a file.
type fileLike struct {
	*noop.Importer
	days  calendar.Range
	parts []filePart
	print string
}

type filePart struct {
	table *schema.Table
	// named are the days that the part says it has. Defaults to all of the plan's.
	named calendar.Set
	// rows are the days of its rows, counted from 1.
	rows []calendar.Day
}

func (f *fileLike) Fingerprint(context.Context, importers.Import) (string, error) {
	return f.print, nil
}

func (f *fileLike) Plan(context.Context, importers.Import) (importers.Plan, error) {
	plan := importers.Plan{Range: f.days}
	for i, p := range f.parts {
		plan.Parts = append(plan.Parts, importers.Part{No: i, Table: p.table, Label: p.table.Name + ".csv", Days: p.named})
	}
	return plan, nil
}

func (f *fileLike) ImportData(
	_ context.Context, imp importers.Import, part importers.Part, from importers.Cursor,
) (importers.Reader, error) {
	return &fileReader{rows: f.parts[part.No].rows, imp: imp, part: part, ended: from != ""}, nil
}

type fileReader struct {
	rows  []calendar.Day
	imp   importers.Import
	part  importers.Part
	ended bool
}

func (r *fileReader) Next(_ context.Context, c *importers.Chunk) error {
	c.Reset()
	if r.ended || len(r.rows) == 0 {
		return io.EOF
	}
	for _, row := range r.rows {
		c.RowsRead++
		if day := newYear + row - 1; r.imp.Window.Contains(day) {
			c.Rows.SetDate(0, uint16(day))
			c.Rows.EndRow()
		} else {
			c.LeaveOut(r.part, day)
		}
	}
	c.Next, r.ended = "end", true
	return nil
}

func (*fileReader) Close() error { return nil }

// files makes a bundle whose importer has files for January 2021.
func files(t *testing.T, parts ...filePart) (*bundle, *fileLike) {
	t.Helper()
	f := &fileLike{Importer: noop.New(), days: span(1, 31)[0], parts: parts}
	b := setup(t, f)
	b.Now = func() time.Time { return time.Date(2021, time.March, 1, 12, 0, 0, 0, time.UTC) }
	b.Env = b.NewEnv()
	return b, f
}

// unchangedReason checks a loaded import and returns "" if it has brought something in, else
// why it is unchanged.
func (b *bundle) unchangedReason(t *testing.T, ref importing.ImportRef) string {
	t.Helper()
	_, err := b.Env.ExecuteActivity(b.CheckLoaded, ref)
	if err == nil {
		return ""
	}
	app := b.Fails(t, b.CheckLoaded, ref)
	require.Equal(t, activities.TypeUnchanged, app.Type())
	require.True(t, app.NonRetryable())
	return app.Message()
}

// An import that has loaded no row and whose source confirms nothing is none: it is unchanged,
// and takes no day.
func TestNothingLoaded(t *testing.T) {
	t.Parallel()
	b, f := files(t, filePart{table: schema.Visitors}, filePart{table: schema.Pages})
	ref := b.Loaded(t, `{}`)
	require.Equal(t, "the source has no rows: nothing was loaded and no day is taken", b.unchangedReason(t, ref))
	require.Contains(t, b.Log(t, ref), "warn: imported_visitors.csv: no rows to load; the part claims no day")
	require.Contains(t, b.Log(t, ref), "warn: imported_pages.csv: no rows to load; the part claims no day")
	require.NoError(t, b.EndInStore(ref, importstore.StatusUnchanged))

	// The same days, with rows.
	f.parts[0].rows, f.parts[1].rows = []calendar.Day{3, 5}, []calendar.Day{4}
	full := b.Loaded(t, `{}`)
	require.Empty(t, b.unchangedReason(t, full))
	b.Run(t, b.Publish, full, nil)
	require.Equal(t, "2021-01-03..2021-01-05", b.Imp(t, full).Days.String(), "from the first to the last row")

	// Rows of those days, and of days around them that the first files had no rows of.
	f.parts[0].rows, f.parts[1].rows = []calendar.Day{4, 5}, []calendar.Day{4, 4}
	again := b.Loaded(t, `{}`)
	require.Equal(t, "all 4 rows are of days that are imported already or too late: nothing was loaded", b.unchangedReason(t, again))
	b.Refused(t, b.Publish, again, importers.ClassInternal)
	require.NoError(t, b.EndInStore(again, importstore.StatusUnchanged))
	f.parts[0].rows, f.parts[1].rows = []calendar.Day{2, 3, 6}, []calendar.Day{3, 4, 5}
	around := b.Loaded(t, `{}`)
	require.Empty(t, b.unchangedReason(t, around))
	var result importing.PartResult
	b.Run(t, b.Publish, around, &result)
	require.Equal(t, importing.PartResult{RowsRead: 6, RowsLoaded: 4, RowsLeftOut: 2}, result)
	claims, err := b.Store.Claims(b.Ctx, b.Site.ID, full.ImportID)
	require.NoError(t, err)
	require.Equal(t, span(2, 2).Union(span(6, 6)), importstore.TakenDays(claims, schema.Visitors.Name))
	require.Equal(t, span(3, 3).Union(span(5, 5)), importstore.TakenDays(claims, schema.Pages.Name),
		"another table of the same days is another claim")
}

// A table that an earlier import of the same days does not have is taken.
func TestLateTable(t *testing.T) {
	t.Parallel()
	b, f := files(t, filePart{table: schema.Visitors, rows: []calendar.Day{1, 31}})
	first := b.Loaded(t, `{}`)
	b.Run(t, b.Publish, first, nil)

	f.parts = []filePart{
		{table: schema.Visitors, rows: []calendar.Day{7}},
		{table: schema.Pages, rows: []calendar.Day{7, 8}},
		{table: schema.Devices, named: span(1, 9), rows: []calendar.Day{9, 10}},
	}
	late := b.Loaded(t, `{}`)
	require.Equal(t, []string{
		"warn: Left out 2021-01-01..2021-01-31 of imported_visitors: imported before, by import 1.",
		"info: Importing 2021-01-01..2021-01-31.",
		"warn: imported_devices.csv: 1 row is dated outside 2021-01-01..2021-01-09, the days in the file's name or in the " +
			"report's request, for instance 2021-01-10; not loaded",
	}, b.Log(t, late))
	require.Empty(t, b.unchangedReason(t, late))
	b.Run(t, b.Publish, late, nil)
	require.Equal(t, "2021-01-07..2021-01-09", b.Imp(t, late).Days.String())
	require.EqualValues(t, 2, b.Visible(t, first).Rows)
	require.Zero(t, b.Visible(t, late).Rows, "no visitor twice")

	f.parts = []filePart{{table: schema.Visitors, named: span(5, 9), rows: []calendar.Day{7}}}
	f.days = span(5, 9)[0]
	refused := b.Create(t, b.Site, `{}`)
	message := b.Refused(t, b.Plan, refused, importers.ClassNoDays)
	require.Equal(t, "no day is left to import: the source has 2021-01-05..2021-01-09; imported already: "+
		"2021-01-05..2021-01-09, by import 1; imports end before 2021-03-02, the day after today in Europe/Berlin; to import "+
		"these days anew, delete import 1 first (`sluice import show 1`, `sluice import delete 1`)", message)
}

// A refusal says what can be done about the import that has the days, whatever it is doing.
func TestWaysOutOfRefusals(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		hold func(t *testing.T, b *bundle, ref importing.ImportRef)
		want string
	}{
		"in review": {func(t *testing.T, b *bundle, ref importing.ImportRef) {
			t.Helper()
			b.Run(t, b.Reviews.Begin, ref, nil)
		}, "import 1 waits for a decision (`sluice review accept 1`, `sluice review decline 1`)"},
		"becoming visible": {func(t *testing.T, b *bundle, ref importing.ImportRef) {
			t.Helper()
			require.NoError(t, b.Store.ClaimDays(b.Ctx, ref.ImportID, 0))
		}, "import 1 is becoming visible (`sluice import show 1`)"},
		"being deleted": {func(t *testing.T, b *bundle, ref importing.ImportRef) {
			t.Helper()
			b.Run(t, b.Publish, ref, nil)
			require.NoError(t, b.Store.RequestDeletion(b.Ctx, ref.ImportID))
		}, "import 1 is being deleted: start again once `sluice import list` no longer has it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, _ := files(t, filePart{table: schema.Visitors, rows: []calendar.Day{1, 31}})
			first := b.Loaded(t, `{}`)
			tc.hold(t, b, first)
			require.Contains(t, b.Refused(t, b.Plan, b.Create(t, b.Site, `{}`), importers.ClassNoDays), tc.want)
			if name == "being deleted" {
				b.Run(t, b.PurgeRows, first, nil)
				b.Run(t, b.Plan, b.Create(t, b.Site, `{}`), nil)
			}
		})
	}
}

// The content of a completed import is all of it only if no row was left out.
func TestSameContent(t *testing.T) {
	t.Parallel()
	b, f := files(t, filePart{table: schema.Visitors, rows: []calendar.Day{1, 5}})
	holder := b.Loaded(t, `{}`)
	b.Run(t, b.Publish, holder, nil)
	f.parts[0].rows, f.print = []calendar.Day{4, 9}, "xxh64:1"
	part := b.Loaded(t, `{}`)
	b.Run(t, b.Publish, part, nil)

	// Its fourth day was left out: the same content may have something to bring in.
	require.NoError(t, b.Store.RequestDeletion(b.Ctx, holder.ImportID))
	b.Run(t, b.PurgeRows, holder, nil)
	again := b.Loaded(t, `{}`)
	require.Empty(t, b.unchangedReason(t, again))
	b.Run(t, b.Publish, again, nil)
	require.Equal(t, "2021-01-04..2021-01-04", b.Imp(t, again).Days.String())

	// Where no other day is free, it is unchanged, and not refused.
	f.days = span(4, 4)[0]
	app := b.Fails(t, b.Plan, b.Create(t, b.Site, `{}`))
	require.Equal(t, activities.TypeUnchanged, app.Type())
	require.Contains(t, app.Message(), "has the same content, and none of its other days is free")

	// All of it: the first look at the content tells.
	f.days, f.print, f.parts[0].rows = span(1, 31)[0], "xxh64:2", []calendar.Day{20}
	whole := b.Loaded(t, `{}`)
	b.Run(t, b.Publish, whole, nil)
	var planned importing.Planned
	b.Run(t, b.Plan, b.Create(t, b.Site, `{}`), &planned)
	require.Contains(t, planned.Unchanged, "has brought in the same content")
}

// Visitors without any breakdown are warned about.
func TestEmptyBreakdowns(t *testing.T) {
	t.Parallel()
	b, f := files(t, filePart{table: schema.Visitors, rows: []calendar.Day{1, 2}},
		filePart{table: schema.Pages}, filePart{table: schema.Devices})
	const warning = "warn: imported_visitors has 2 rows, and none of the 2 breakdowns has any: check that the source does not withhold them."
	ref := b.Loaded(t, `{}`)
	require.Empty(t, b.unchangedReason(t, ref))
	require.Contains(t, b.Log(t, ref), warning)
	summary, err := b.Store.Summary(b.Ctx, ref.ImportID)
	require.NoError(t, err)
	require.EqualValues(t, 3, summary.Warnings, "two empty files, and this one")

	f.parts[1].rows = []calendar.Day{1}
	ref = b.Loaded(t, `{}`)
	require.Empty(t, b.unchangedReason(t, ref))
	require.NotContains(t, b.Log(t, ref), warning)
}

// A run that a reset has brought back to this point acquires its locks again.
func TestCheckLoadedOfEnded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ref := b.Loaded(t, `{"rows": 3}`)
	require.NoError(t, b.EndInStore(ref, importstore.StatusFailed))
	_, err := b.Store.AcquireLocks(b.Ctx, ref.ImportID, "another run", importstore.LockLimits{})
	require.NoError(t, err)
	require.Equal(t, activities.TypeUnlocked, b.Fails(t, b.CheckLoaded, importing.ImportRef{ImportID: ref.ImportID, FencingToken: 77}).Type())
}
