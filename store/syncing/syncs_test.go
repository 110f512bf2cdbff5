package syncing_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/syncing"
)

func TestCreate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.Create(b.ctx, newSync("news"))
	require.ErrorIs(t, err, syncing.ErrExists)
	_, err = b.Sync(b.ctx, "other")
	require.ErrorIs(t, err, store.ErrNotFound)
	for _, name := range []string{"", "Caps", "x y"} {
		_, err := b.Create(b.ctx, newSync(name))
		require.Error(t, err)
	}
	_, err = b.Create(b.ctx, newSync("a"))
	require.NoError(t, err)
	all, err := b.List(b.ctx, "", 10)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, "a", all[0].Name)
	all, err = b.List(b.ctx, "a", 10)
	require.NoError(t, err)
	require.Equal(t, "news", all[0].Name)
	require.NoError(t, b.Delete(b.ctx, "a"))
	require.ErrorIs(t, b.Delete(b.ctx, "a"), store.ErrNotFound)
	require.ErrorIs(t, b.NoteWoken(b.ctx, "a"), store.ErrNotFound)
	require.NoError(t, b.NoteWoken(b.ctx, "news"))
	require.NotNil(t, b.news(t).WokenAt)
}

// A change is made to the row as it is, or refused if it was made to an older one.
func TestChange(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := b.news(t)
	changed, err := b.Change(b.ctx, "news", func(s *syncing.Sync) error {
		s.Paused, s.LatestTimestamp = true, &until
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, before.Version+1, changed.Version)
	require.Equal(t, changed, b.news(t))
	before.Note = "stale"
	_, err = b.Replace(b.ctx, before)
	require.ErrorIs(t, err, store.ErrConflict)
	changed.Note = "fresh"
	changed, err = b.Replace(b.ctx, changed)
	require.NoError(t, err)
	require.Equal(t, "fresh", changed.Note)
	before.Name = "other"
	_, err = b.Replace(b.ctx, before)
	require.ErrorIs(t, err, store.ErrNotFound)
	own := errors.New("own")
	_, err = b.Change(b.ctx, "news", func(*syncing.Sync) error { return own })
	require.ErrorIs(t, err, own)
	half := until.Add(500 * time.Millisecond)
	_, err = b.Change(b.ctx, "news", func(s *syncing.Sync) error { s.LatestTimestamp = &half; return nil })
	require.ErrorContains(t, err, "syncs_latest_timestamp_check")
}

// Each sync is compared by one caller in an interval, and at once after a change.
func TestUncompared(t *testing.T) {
	t.Parallel()
	b := setup(t)
	compare := func() []syncing.Sync {
		rows, err := b.Uncompared(b.ctx, time.Hour, 10)
		require.NoError(t, err)
		return rows
	}
	rows := compare()
	require.Len(t, rows, 1)
	require.NoError(t, b.NoteApplied(b.ctx, "news", rows[0].Version))
	require.Empty(t, compare())
	_, err := b.Change(b.ctx, "news", func(s *syncing.Sync) error { s.Paused = true; return nil })
	require.NoError(t, err)
	require.Len(t, compare(), 1)
}
