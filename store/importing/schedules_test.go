package importing_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/importing"
)

func (b *bundle) schedule(t *testing.T, name string) importing.Schedule {
	t.Helper()
	got, err := b.Schedule(b.ctx, name)
	require.NoError(t, err)
	return got
}

func (b *bundle) addSchedule(t *testing.T, name string) importing.NewSchedule {
	t.Helper()
	n := importing.NewSchedule{
		Name: name, Definition: []byte(`{"b":1.0, "a": "x\u0000"}`), Paused: true, Note: "why\x00",
		CreatedAt: time.Now().Truncate(time.Microsecond),
	}
	require.NoError(t, b.AddSchedule(b.ctx, n))
	return n
}

// A schedule is kept as it was given, and paused and resumed until it is being deleted.
func TestSchedules(t *testing.T) {
	t.Parallel()
	b := setup(t)
	n := b.addSchedule(t, "nightly")
	got := b.schedule(t, "nightly")
	require.Equal(t, string(n.Definition), string(got.Definition), "byte by byte")
	require.True(t, n.CreatedAt.Equal(got.CreatedAt))
	require.Equal(t, []any{true, "why\uFFFD", true}, []any{got.Paused, got.Note, got.DeletedAt == nil})
	require.ErrorIs(t, b.AddSchedule(b.ctx, n), store.ErrTaken)

	require.NoError(t, b.PauseFailingSchedule(b.ctx, "nightly", "it fails"))
	require.Equal(t, "why\uFFFD", b.schedule(t, "nightly").Note, "a paused schedule keeps its note")
	require.NoError(t, b.SetSchedulePaused(b.ctx, "nightly", false, "resumed"))
	require.NoError(t, b.PauseFailingSchedule(b.ctx, "nightly", "it fails"))
	got = b.schedule(t, "nightly")
	require.Equal(t, []any{true, "it fails"}, []any{got.Paused, got.Note})

	require.NoError(t, b.MarkScheduleDeleted(b.ctx, "nightly"))
	marked := *b.schedule(t, "nightly").DeletedAt
	require.NoError(t, b.MarkScheduleDeleted(b.ctx, "nightly"))
	require.Equal(t, marked, *b.schedule(t, "nightly").DeletedAt)
	require.ErrorIs(t, b.SetSchedulePaused(b.ctx, "nightly", false, ""), store.ErrNotFound)
	require.ErrorIs(t, b.AddSchedule(b.ctx, n), store.ErrTaken, "Temporal may still have it")
	_, err := b.Schedule(b.ctx, "none")
	require.EqualError(t, err, "schedule none: not found")
	require.ErrorIs(t, b.SetSchedulePaused(b.ctx, "none", true, ""), store.ErrNotFound)
}

// The row of a schedule goes once it is marked and Temporal has deleted it, and never before.
func TestSyncSchedule(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.addSchedule(t, "a")
	down := errors.New("down")
	apply := func(fail error) (calls int, err error) {
		err = b.SyncSchedule(b.ctx, "a", func(row importing.Schedule) error {
			require.Equal(t, "a", row.Name)
			calls++
			return fail
		})
		return calls, err
	}
	calls, err := apply(nil)
	require.NoError(t, err)
	require.Equal(t, 1, calls)
	b.schedule(t, "a")
	require.NoError(t, b.MarkScheduleDeleted(b.ctx, "a"))
	_, err = apply(down)
	require.ErrorIs(t, err, down)
	require.NotNil(t, b.schedule(t, "a").DeletedAt)
	_, err = apply(nil)
	require.NoError(t, err)
	_, err = b.Schedule(b.ctx, "a")
	require.ErrorIs(t, err, store.ErrNotFound)
	calls, err = apply(down)
	require.NoError(t, err)
	require.Zero(t, calls, "there is nothing to apply")
}

// A change waits until the schedule is applied: what is applied is never older than the row.
func TestSyncScheduleLocks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.addSchedule(t, "a")
	changed := make(chan error, 1)
	err := b.SyncSchedule(b.ctx, "a", func(importing.Schedule) error {
		go func() { changed <- b.SetSchedulePaused(b.ctx, "a", false, "resumed") }()
		require.Eventually(t, func() bool {
			var waiting int
			err := b.sql.QueryRow(b.ctx, `SELECT count(*) FROM pg_stat_activity
				WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting)
			return err == nil && waiting == 1
		}, 10*time.Second, 10*time.Millisecond)
		require.True(t, b.schedule(t, "a").Paused)
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, <-changed)
	require.False(t, b.schedule(t, "a").Paused)
}

func TestAdoptSchedule(t *testing.T) {
	t.Parallel()
	b := setup(t)
	gone := errors.New("gone")
	adopted, err := b.AdoptSchedule(b.ctx, "a", func() (importing.NewSchedule, error) { return importing.NewSchedule{}, gone })
	require.ErrorIs(t, err, gone)
	require.False(t, adopted)
	_, err = b.Schedule(b.ctx, "a")
	require.ErrorIs(t, err, store.ErrNotFound)

	n := importing.NewSchedule{Definition: []byte(`{"a":1}`), Paused: true, Note: "x", CreatedAt: time.Unix(1e9, 0)}
	adopted, err = b.AdoptSchedule(b.ctx, "a", func() (importing.NewSchedule, error) { return n, nil })
	require.NoError(t, err)
	require.True(t, adopted)
	got := b.schedule(t, "a")
	require.Equal(t, []any{`{"a":1}`, true, "x", int64(1e9)}, []any{string(got.Definition), got.Paused, got.Note, got.CreatedAt.Unix()})

	adopted, err = b.AdoptSchedule(b.ctx, "a", func() (importing.NewSchedule, error) { return n, gone })
	require.NoError(t, err, "it is not read again")
	require.False(t, adopted)
}

// Each schedule is claimed once in an interval.
func TestUncomparedSchedules(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, name := range []string{"a", "b", "c"} {
		b.addSchedule(t, name)
	}
	names, err := b.UncomparedSchedules(b.ctx, time.Hour, 10)
	require.NoError(t, err)
	require.Empty(t, names)
	b.exec(t, "UPDATE schedules SET compared_at = now() - interval '2 hours'")
	first, err := b.UncomparedSchedules(b.ctx, time.Hour, 2)
	require.NoError(t, err)
	rest, err := b.UncomparedSchedules(b.ctx, time.Hour, 2)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"a", "b", "c"}, append(first, rest...))
	require.Len(t, rest, 1)
}
