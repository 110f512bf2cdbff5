package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/internal/enginetest"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// A worker that receives a signal during an import stops promptly, and the next
// one resumes the import.
func TestWorkerStopsWhileLoading(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	stop := s.StartWorker(t)
	const rows = 4000
	imp := s.noop(site, `{"rows": 4000, "parts": 3, "delay": "50ms", "bad_rows": 5}`)
	s.WaitLoading(t, imp.ID)
	begun := time.Now()
	stop()
	require.Less(t, time.Since(begun), config.Default().Worker.StopTimeout, "the stop timeout is not waited out")
	stood, err := s.Store.Imports.Summary(enginetest.Context(t), imp.ID)
	require.NoError(t, err)
	require.Less(t, stood.RowsLoaded, int64(rows-5), "it was in the middle")

	s.StartWorker(t)
	last := s.end(imp, importstore.StatusCompleted)
	require.EqualValues(t, rows, last.RowsRead)
	require.EqualValues(t, 5, last.RowsRejected)
	require.Equal(t, sumTo(rows)-sumTo(5), s.visitors(imp))
}

// The same where the worker stops within a callback of the importer, which continues
// elsewhere without waiting for any timeout.
func TestWorkerStopsInACallback(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"before_start", "plan"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			hung := newStuck(at)
			s := setup(t, hung)
			stop := s.StartWorker(t)
			imp := s.noop(site, `{"rows": 10}`)
			requireClosed(enginetest.Context(t), t, hung.reached, "the importer is called")
			begun := time.Now()
			stop()
			require.Less(t, time.Since(begun), config.Default().Worker.StopTimeout, "the stop timeout is not waited out")
			hung.at = "nowhere"
			s.StartWorker(t)
			s.end(imp, importstore.StatusCompleted)
			ended := lastFailure(s.History(t, imp.WorkflowID, ""), at)
			require.NotNil(t, ended)
			require.Nil(t, ended.GetTimeoutFailureInfo(), "the worker has told that it stops: %s", ended)
		})
	}
}

// With two workers, the death of one is not noticed either.
func TestTwoWorkers(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	stop := s.StartWorker(t)
	s.StartWorker(t)
	imp := s.noop(site, `{"rows": 3000, "parts": 4, "delay": "20ms"}`)
	s.WaitLoading(t, imp.ID)
	stop()
	s.end(imp, importstore.StatusCompleted)
	require.Equal(t, sumTo(3000), s.visitors(imp))
}
