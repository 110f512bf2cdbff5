package loading_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/loading"
)

// broken is a source whose reader panics at a configured place.
type broken struct {
	*source
	next, close bool
}

func (b broken) ImportData(
	ctx context.Context, imp importers.Import, part importers.Part, from importers.Cursor,
) (importers.Reader, error) {
	inner, err := b.source.ImportData(ctx, imp, part, from)
	return brokenReader{inner, b}, err
}

type brokenReader struct {
	importers.Reader
	broken broken
}

func (r brokenReader) Next(ctx context.Context, chunk *importers.Chunk) error {
	if r.broken.next {
		panic("no idea")
	}
	return r.Reader.Next(ctx, chunk)
}

func (r brokenReader) Close() error {
	err := r.Reader.Close()
	if r.broken.close {
		panic("no clue")
	}
	return err
}

// A panic in an importer is an error that is tried again: it must not take down the
// worker, which loads other people's imports too.
func TestPanic(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, tc := range map[string]struct {
		importer broken
		want     string
	}{
		"next":  {broken{next: true}, "the importer panicked: no idea"},
		"close": {broken{close: true}, "the importer panicked: no clue"},
		"both":  {broken{next: true, close: true}, "the importer panicked: no idea\nthe importer panicked: no clue"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := b.part(t, newSource())
			job := f.job(f.claim(t))
			tc.importer.source = f.source
			job.Importer = tc.importer
			_, err := f.Load(b.ctx, job)
			require.EqualError(t, err, tc.want)
			_, permanent := importers.ClassOf(err)
			require.False(t, permanent)
			require.Equal(t, 1, f.source.closed)
			_, err = f.loadPart(b.ctx, t)
			require.NoError(t, err)
			f.requireLoaded(t)
		})
	}
}

// An importer that violates its contract fails permanently: a retry would not help, and to continue
// would lose rows.
func TestLyingImporter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, tc := range map[string]struct {
		lie  func(c *importers.Chunk)
		want string
	}{
		"too many read": {
			func(c *importers.Chunk) { c.RowsRead++ },
			"read the part: the importer counted wrongly: 21 rows read, but 14 valid, 4 rejected, 2 out of range and 0 left out",
		},
		"too few read": {
			func(c *importers.Chunk) { c.RowsRead = 0 },
			"read the part: the importer counted wrongly: 0 rows read, but 14 valid, 4 rejected, 2 out of range and 0 left out",
		},
		"rejects forgotten": {
			func(c *importers.Chunk) { c.Rejects = nil },
			"read the part: the importer counted wrongly: 20 rows read, but 14 valid, 0 rejected, 2 out of range and 0 left out",
		},
		"left out and loaded": {
			func(c *importers.Chunk) { c.LeftOut++ },
			"read the part: the importer counted wrongly: 20 rows read, but 14 valid, 4 rejected, 2 out of range and 1 left out",
		},
		"a day that is not wanted": {
			func(c *importers.Chunk) {
				c.Rows.SetDate(0, uint16(firstDay+1))
				c.Rows.EndRow()
				c.RowsRead++
			},
			"read the part: the importer returned a row of 2021-01-02: want only rows of its window, " +
				"2021-01-01..2021-01-01",
		},
		"long cursor": {
			func(c *importers.Chunk) { c.Next = importers.Cursor(strings.Repeat("x", importers.MaxCursor+1)) },
			"read the part: the cursor has 1025 bytes: want at most 1024",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := b.part(t, newSource())
			f.source.filled = tc.lie
			_, err := f.loadPart(b.ctx, t)
			class, permanent := importers.ClassOf(err)
			require.True(t, permanent, "%v", err)
			require.Equal(t, importers.ClassInternal, class)
			require.EqualError(t, err, tc.want)
			part, err := f.Store.PartByNo(f.ctx, f.imp.ID, 0)
			require.NoError(t, err)
			require.Zero(t, part.RowsRead, "nothing of it is recorded")
		})
	}
}

func TestUnknownTable(t *testing.T) {
	t.Parallel()
	var l loading.Loader
	job := loading.Job{}
	job.Part.TableName = "imported_nothing"
	_, err := l.Load(t.Context(), job)
	class, _ := importers.ClassOf(err)
	require.Equal(t, importers.ClassInternal, class)
	require.ErrorContains(t, err, `unknown imported table "imported_nothing"`)
	require.EqualError(t, l.Verify(t.Context(), job), err.Error())
}

// refusing is a source that cannot be opened.
type refusing struct{ *source }

var errRefused = errors.New("no such file")

func (refusing) ImportData(
	context.Context, importers.Import, importers.Part, importers.Cursor,
) (importers.Reader, error) {
	return nil, importers.Permanent(importers.ClassInput, errRefused)
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	f := setup(t).part(t, newSource())
	job := f.job(f.claim(t))
	job.Importer = refusing{f.source}
	_, err := f.Load(f.ctx, job)
	require.ErrorIs(t, err, errRefused)
	require.EqualError(t, err, "open the part: no such file")
	class, _ := importers.ClassOf(err)
	require.Equal(t, importers.ClassInput, class)
}

// The part is failed as soon as it has more bad rows than both figures allow. The
// source has one bad row in five, 46 in all.
func TestRejectLimit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, tc := range map[string]struct {
		limit loading.RejectLimit
		// stops is the number of chunks that are recorded.
		stops int
		want  string
	}{
		"none allowed": {loading.RejectLimit{}, 1, "the part: 4 of the first 20 rows are rejected, " +
			"more than the limit of 0 rows or 0 %; for instance line 5, visitors: bad"},
		"a few rows": {loading.RejectLimit{Count: 10}, 3, "the part: 12 of the first 60 rows are rejected, " +
			"more than the limit of 10 rows or 0 %; for instance line 5, visitors: bad"},
		"all but one": {loading.RejectLimit{Count: 45}, 12, "the part: 46 of the first 230 rows are rejected, " +
			"more than the limit of 45 rows or 0 %; for instance line 5, visitors: bad"},
		"a small share":          {loading.RejectLimit{Share: 0.19}, 1, "more than the limit of 0 rows or 19 %"},
		"a few, or small share":  {loading.RejectLimit{Count: 7, Share: 0.1}, 2, "more than the limit of 7 rows or 10 %"},
		"just as many":           {loading.RejectLimit{Count: 46}, 12, ""},
		"just as large a share":  {loading.RejectLimit{Share: 0.2}, 12, ""},
		"many, or a small share": {loading.RejectLimit{Count: 100, Share: 0.01}, 12, ""},
		"all":                    {loading.RejectLimit{Share: 1}, 12, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := b.part(t, newSource())
			f.limit = tc.limit
			progress, err := f.loadPart(b.ctx, t)
			require.EqualValues(t, tc.stops, progress.Chunks)
			if tc.want == "" {
				require.NoError(t, err)
				f.requireLoaded(t)
				return
			}
			class, permanent := importers.ClassOf(err)
			require.True(t, permanent)
			require.Equal(t, importers.ClassRejects, class)
			require.ErrorContains(t, err, tc.want)

			// An attempt that died between the record and the check must not have
			// lifted the limit.
			_, err = f.loadPart(b.ctx, t)
			class, _ = importers.ClassOf(err)
			require.Equal(t, importers.ClassRejects, class, fmt.Sprint(err))
		})
	}
}
