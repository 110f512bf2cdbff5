package loading_test

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/loading"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// lettered is an importer of rows that are letters: a digit is a good row of so many days
// after the first, x is rejected, o is out of range and l is left out. Chunks have two rows.
type lettered struct {
	importers.Importer
	rows string
	// confirms is what a reader confirms at its end; nil if it is no Confirmer.
	confirms calendar.Set
	// fails is after how many chunks reading fails once, 0 for never.
	fails int
}

func (l *lettered) ImportData(
	_ context.Context, _ importers.Import, _ importers.Part, from importers.Cursor,
) (importers.Reader, error) {
	start := 0
	if from != "" {
		var err error
		if start, err = strconv.Atoi(string(from)); err != nil {
			return nil, err
		}
	}
	r := &letteredReader{lettered: l, at: start}
	if l.confirms == nil {
		return r, nil
	}
	return confirming{r}, nil
}

type letteredReader struct {
	*lettered
	at int
}

var errOnce = errors.New("the source fails once")

func (r *letteredReader) Next(_ context.Context, c *importers.Chunk) error {
	c.Reset()
	if r.fails > 0 && r.at >= 2*r.fails {
		r.fails = 0
		return errOnce
	}
	if r.at >= len(r.rows) {
		return io.EOF
	}
	for end := min(r.at+2, len(r.rows)); r.at < end; r.at++ {
		c.RowsRead++
		switch letter := r.rows[r.at]; letter {
		case 'x':
			c.Rejects = append(c.Rejects, importers.NewReject("file", int64(r.at+2), "date", "not a date", nil))
		case 'o':
			c.LeaveOut(importers.Part{}, firstDay-7)
		case 'l':
			c.LeaveOut(importers.Part{Days: calendar.NewSet(calendar.Range{First: firstDay, Last: firstDay})}, firstDay)
		default:
			c.Rows.SetDate(0, uint16(firstDay+calendar.Day(letter-'0')))
			c.Rows.EndRow()
		}
	}
	c.Next = importers.Cursor(strconv.Itoa(r.at))
	return nil
}

func (*letteredReader) Close() error { return nil }

// confirming is a reader that is a Confirmer.
type confirming struct{ *letteredReader }

func (c confirming) Confirmed() calendar.Set { return c.confirms }

// days returns days after the first, from one to another.
func days(first, last calendar.Day) calendar.Set {
	return calendar.NewSet(calendar.Range{First: firstDay + first, Last: firstDay + last})
}

// letters makes a fixture of lettered rows for ten days, without the two in the middle.
func (b *bundle) letters(t *testing.T, l *lettered) (*fixture, loading.Job) {
	t.Helper()
	f := b.part(t, newSource())
	all, free := days(0, 9), days(0, 3).Union(days(6, 9))
	imp, _, err := b.Store.CreateImport(b.ctx, importstore.NewImport{ImportFields: params(f.imp.Site.ID)})
	require.NoError(t, err)
	require.NoError(t, b.Store.SavePlan(b.ctx, imp.ID, all[0], []importstore.NewPart{
		{Table: schema.Visitors.Name, Label: "the part", Days: all, Free: free},
	}))
	f.imp.ID, f.imp.Window = imp.ID, free
	job := f.job(f.claim(t))
	job.Importer = l
	return f, job
}

// What a part has brought in is proven at its end: a part with rows of which none could be
// loaded fails, one whose days are all taken brings in nothing, and what is claimed is what
// was loaded or confirmed.
func TestProof(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, tc := range map[string]struct {
		rows     string
		confirms calendar.Set
		limit    loading.RejectLimit
		claims   calendar.Set
		warned   []string
		fails    string
		class    importers.Class
	}{
		"all good":          {rows: "123", claims: days(1, 3)},
		"around a gap":      {rows: "73", claims: days(3, 3).Union(days(6, 7))},
		"one day":           {rows: "22222", claims: days(2, 2)},
		"some left out":     {rows: "1ll2", claims: days(1, 2)},
		"all left out":      {rows: "llll"},
		"no rows":           {rows: "", warned: []string{"the part: no rows to load; the part claims no day"}},
		"confirmed empty":   {rows: "", confirms: days(0, 9), claims: days(0, 3).Union(days(6, 9))},
		"confirms nothing":  {rows: "", confirms: calendar.Set{}, warned: []string{"the part: no rows to load; the part claims no day"}},
		"confirms and more": {rows: "9", confirms: days(0, 1), claims: days(0, 1).Union(days(9, 9))},
		"all rejected": {
			rows: "xxx", limit: loading.RejectLimit{Count: 100, Share: 1, Ceiling: 1}, class: importers.ClassRejects,
			fails: "the part: no row of 3 can be loaded: all are rejected; for instance line 2, date: not a date",
		},
		"all out of range": {
			rows: "o", limit: loading.RejectLimit{Count: 100}, class: importers.ClassInput,
			fails: "the part: no row of 1 can be loaded: 1 row is dated outside 2021-01-01..2021-01-10, the days in " +
				"the file's name or in the report's request, for instance 2020-12-25",
		},
		"rejected or out of range": {
			rows: "oxoo", limit: loading.RejectLimit{Count: 100}, class: importers.ClassInput,
			fails: "the part: no row of 4 can be loaded: 3 rows are dated outside 2021-01-01..2021-01-10, the days in " +
				"the file's name or in the report's request, for instance 2020-12-25; the others are rejected; " +
				"for instance line 3, date: not a date",
		},
		"confirmed, but all rejected": {
			rows: "xx", confirms: days(0, 9), limit: loading.RejectLimit{Count: 100}, class: importers.ClassRejects,
			fails: "no row of 2 can be loaded",
		},
		"out of range or left out": {
			rows: "lo", warned: []string{"the part: 1 row is dated outside 2021-01-01..2021-01-10, the days in the file's name " +
				"or in the report's request, for instance 2020-12-25; not loaded"},
		},
		"some out of range": {
			rows: "1o2o", claims: days(1, 2),
			warned: []string{"the part: 2 rows are dated outside 2021-01-01..2021-01-10, the days in the file's name or " +
				"in the report's request, for instance 2020-12-25; not loaded"},
		},
		"half rejected": {rows: "1x2x", limit: loading.RejectLimit{Count: 100, Ceiling: 0.5}, claims: days(1, 2)},
		"more than half": {
			rows: "1xx", limit: loading.RejectLimit{Count: 100, Share: 1, Ceiling: 0.5}, class: importers.ClassRejects,
			fails: "the part: 2 of 3 rows are rejected, more than 50 %, the limit of a part " +
				"(import.max_reject_ceiling); for instance line 3, date: not a date",
		},
		"more than half, then not": {rows: "xx123", limit: loading.RejectLimit{Count: 100, Ceiling: 0.5}, claims: days(1, 3)},
		"no ceiling":               {rows: "xxx1", limit: loading.RejectLimit{Count: 100}, claims: days(1, 1)},
		"rejected beside left out": {
			rows: "xxl", limit: loading.RejectLimit{Count: 100, Ceiling: 0.5}, class: importers.ClassRejects,
			fails: "2 of 3 rows are rejected",
		},
	} {
		// An attempt that dies anywhere changes nothing.
		for _, fails := range []int{0, 1, (len(tc.rows) + 1) / 2} {
			t.Run(name+", failing after "+strconv.Itoa(fails), func(t *testing.T) {
				t.Parallel()
				l := &lettered{rows: tc.rows, confirms: tc.confirms, fails: fails}
				f, job := b.letters(t, l)
				var warned []string
				job.Rejects = tc.limit
				job.Warn = func(_ context.Context, message string) error { warned = append(warned, message); return nil }
				progress, err := b.Load(b.ctx, job)
				if errors.Is(err, errOnce) {
					job.Part = f.claim(t)
					progress, err = b.Load(b.ctx, job)
				}
				part, partErr := b.Store.PartByNo(b.ctx, f.imp.ID, 0)
				require.NoError(t, partErr)
				if tc.fails != "" {
					require.Error(t, err)
					class, permanent := importers.ClassOf(err)
					require.True(t, permanent)
					require.Equal(t, tc.class, class)
					if fails == 0 {
						require.ErrorContains(t, err, tc.fails)
					}
					require.Equal(t, importstore.PartRunning, part.Status, "it is not done")
					require.Empty(t, part.ClaimedDays)
					return
				}
				require.NoError(t, err)
				require.Equal(t, importstore.PartDone, part.Status)
				require.ElementsMatch(t, tc.claims, part.ClaimedDays)
				require.ElementsMatch(t, tc.claims, progress.Claims)
				require.Len(t, warned, len(tc.warned))
				if fails == 0 {
					require.Equal(t, tc.warned, warned)
				}
				require.Equal(t, []int64{
					int64(len(tc.rows)), int64(strings.Count(tc.rows, "x")), int64(strings.Count(tc.rows, "o")),
					int64(strings.Count(tc.rows, "l")),
				}, []int64{part.RowsRead, part.RowsRejected, part.RowsOutOfRange, part.RowsLeftOut})
				require.Equal(t, part.RowsRead, part.RowsLoaded+part.RowsRejected+part.RowsOutOfRange+part.RowsLeftOut)
			})
		}
	}
}

// A warning that cannot be written keeps the part from being done: it would be lost.
func TestWarningComesFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f, job := b.letters(t, &lettered{})
	errFull := errors.New("the log is full")
	job.Warn = func(context.Context, string) error { return errFull }
	_, err := b.Load(b.ctx, job)
	require.ErrorIs(t, err, errFull)
	part, err := b.Store.PartByNo(b.ctx, f.imp.ID, 0)
	require.NoError(t, err)
	require.Equal(t, importstore.PartRunning, part.Status)
}
