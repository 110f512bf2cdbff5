package loading_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/loading"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
)

func TestLoad(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for rows, size := range map[int]int{0: 10, 1: 10, 10: 10, 11: 10, 230: 20} {
		t.Run(fmt.Sprintf("%d rows by %d", rows, size), func(t *testing.T) {
			t.Parallel()
			f := b.part(t, &source{rows: rows, size: size})
			var seen []loading.Progress
			f.advanced = func(p loading.Progress) { seen = append(seen, p) }
			last, err := f.loadPart(b.ctx, t)
			require.NoError(t, err)
			f.requireLoaded(t)
			require.Len(t, seen, f.source.chunks())
			for i, p := range seen {
				require.EqualValues(t, i+1, p.Chunks)
				require.Equal(t, p.RowsRead, p.RowsLoaded+p.RowsRejected+p.RowsOutOfRange+p.RowsLeftOut)
				require.Equal(t, p.RowsRead, p.BytesRead)
			}
			if len(seen) > 0 {
				require.Equal(t, calendar.Set{{First: firstDay, Last: firstDay}}, last.Claims)
				last.Claims = nil
				require.Equal(t, seen[len(seen)-1], last)
			}
			require.Equal(t, []int{1, 1}, []int{f.source.opened, f.source.closed})
			_, open, err := f.Store.ClaimPart(f.ctx, f.imp.ID, 0, 0)
			require.NoError(t, err)
			require.False(t, open, "what is done is done")
		})
	}
}

// An attempt dies before, while and after each chunk. The next one resumes after the
// last checkpoint.
func TestResume(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for died := range newSource().chunks() + 1 {
		t.Run(fmt.Sprintf("reading chunk %d", died), func(t *testing.T) {
			t.Parallel()
			f := b.part(t, newSource())
			ctx, die := context.WithCancel(b.ctx)
			defer die()
			f.source.next = func(_ context.Context, chunk int) error {
				if chunk == died {
					die()
				}
				return nil
			}
			progress, err := f.loadPart(ctx, t)
			require.ErrorIs(t, err, context.Canceled)
			require.LessOrEqual(t, int(progress.Chunks), died)
			f.resume(t, progress)
		})
		if died == 0 {
			continue
		}
		t.Run(fmt.Sprintf("having recorded chunk %d", died-1), func(t *testing.T) {
			t.Parallel()
			f := b.part(t, newSource())
			ctx, die := context.WithCancel(b.ctx)
			defer die()
			f.advanced = func(p loading.Progress) {
				if int(p.Chunks) == died {
					die()
				}
			}
			progress, err := f.loadPart(ctx, t)
			require.ErrorIs(t, err, context.Canceled)
			require.EqualValues(t, died, progress.Chunks)
			f.resume(t, progress)
		})
	}
}

// resume makes a second attempt, which must begin where the first one stood.
func (f *fixture) resume(t *testing.T, stood loading.Progress) {
	t.Helper()
	require.Equal(t, f.source.opened, f.source.closed)
	// The server may still commit a record that the first attempt no longer waits for. The
	// claim raises the fencing token: from here on the checkpoint stands still.
	part := f.claim(t)
	require.GreaterOrEqual(t, part.NextChunk, stood.Chunks)
	first := -1
	f.source.next = func(_ context.Context, chunk int) error {
		if first < 0 {
			first = chunk
		}
		return nil
	}
	f.advanced = nil
	_, err := f.Load(f.ctx, f.job(part))
	require.NoError(t, err)
	require.EqualValues(t, part.NextChunk, first, "it resumes after the checkpoint")
	f.requireLoaded(t)
}

// A source that fails now and then is read on where it failed, in as many attempts
// as it takes.
func TestFailingSource(t *testing.T) {
	t.Parallel()
	f := setup(t).part(t, newSource())
	errDown := errors.New("the source is down")
	failed := map[int]bool{}
	f.source.next = func(_ context.Context, chunk int) error {
		if chunk%2 == 1 && !failed[chunk] {
			failed[chunk] = true
			return errDown
		}
		return nil
	}
	attempts := 1
	for ; ; attempts++ {
		_, err := f.loadPart(f.ctx, t)
		if err == nil {
			break
		}
		require.ErrorIs(t, err, errDown)
		require.EqualError(t, err, "read the part: the source is down")
	}
	require.Equal(t, 1+len(failed), attempts)
	f.requireLoaded(t)
}

// An attempt that another one has overtaken stops and writes nothing more.
func TestOvertaken(t *testing.T) {
	t.Parallel()
	f := setup(t).part(t, newSource())
	f.advanced = func(p loading.Progress) {
		if p.Chunks == 3 {
			f.claim(t)
		}
	}
	progress, err := f.loadPart(f.ctx, t)
	require.ErrorIs(t, err, store.ErrFenced)
	require.EqualValues(t, 3, progress.Chunks)
	f.advanced = nil
	_, err = f.loadPart(f.ctx, t)
	require.NoError(t, err)
	f.requireLoaded(t)
}

// An attempt that is overtaken at its very end does not mark the part as done.
func TestOvertakenAtTheEnd(t *testing.T) {
	t.Parallel()
	f := setup(t).part(t, newSource())
	f.advanced = func(p loading.Progress) {
		if int(p.Chunks) == f.source.chunks() {
			f.claim(t)
		}
	}
	_, err := f.loadPart(f.ctx, t)
	require.ErrorIs(t, err, store.ErrFenced)
	part, err := f.Store.PartByNo(f.ctx, f.imp.ID, 0)
	require.NoError(t, err)
	require.Equal(t, importstore.PartRunning, part.Status)
	f.advanced = nil
	_, err = f.loadPart(f.ctx, t)
	require.NoError(t, err)
	f.requireLoaded(t)
}
