package ingesting_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/internal/ingesting"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// A store belongs to the log that was opened first; another one, a log that is gone and another number
// of partitions are refused, and change nothing.
func TestOpenLog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first, second := b.serveLog(t), b.serveLog(t)
	log, err := ingesting.OpenLog(b.ctx, b.Store, first)
	require.NoError(t, err)
	defer log.Close()
	known, err := b.Log(b.ctx)
	require.NoError(t, err)
	require.Equal(t, ingeststore.Log{ID: log.ID(), Partitions: partitions}, known)
	again, err := ingesting.OpenLog(b.ctx, b.Store, first)
	require.NoError(t, err)
	defer again.Close()
	require.Equal(t, log.ID(), again.ID())
	// Without a number, it is that of the log.
	unset := first
	unset.Partitions, unset.Streams = 0, partitions+1
	same, err := ingesting.OpenLog(b.ctx, b.Store, unset)
	require.NoError(t, err)
	defer same.Close()
	require.Equal(t, partitions, same.Partitions())

	_, err = ingesting.OpenLog(b.ctx, b.Store, second)
	require.ErrorIs(t, err, eventlog.ErrNoLog)
	require.ErrorContains(t, err, log.ID())
	require.True(t, ingesting.Refused(err))
	other, err := eventlog.Open(b.ctx, second)
	require.NoError(t, err)
	defer other.Close()
	_, err = ingesting.OpenLog(b.ctx, b.Store, second)
	require.ErrorIs(t, err, eventlog.ErrOtherLog)
	require.ErrorContains(t, err, other.ID())
	require.True(t, ingesting.Refused(err))

	first.Partitions = partitions * 2
	_, err = ingesting.OpenLog(b.ctx, b.Store, first)
	require.ErrorContains(t, err, "the number of a log never changes")
	require.True(t, ingesting.Refused(err))
	now, err := b.Log(b.ctx)
	require.NoError(t, err)
	require.Equal(t, known, now)
}
