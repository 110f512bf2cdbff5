package nosticky

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// system is all of Sluice with a worker that forgets every workflow between two of
// its tasks.
type system struct {
	*enginetest.System
	t *testing.T
}

func setup(t *testing.T) system {
	t.Helper()
	s := system{System: enginetest.NewSystem(t, importers.NewRegistry(enginetest.Impatient(noop.New()))), t: t}
	s.Settings.Worker.StickyCache = 0
	s.AddSite(t, "example.com")
	s.StartWorker(t)
	return s
}

func (s system) start(args string) importstore.Import {
	s.t.Helper()
	settings := s.Settings.Import
	settings.ChunkRows = 50
	return s.Start(s.t, starter.Request{
		Site: "example.com", Source: "noop", Args: json.RawMessage(args), Settings: &settings,
	})
}

// end waits for the import, and makes sure that no task of its workflow has failed:
// one that replays otherwise than it ran would.
func (s system) end(imp importstore.Import, status string) importstore.Summary {
	s.t.Helper()
	last := s.Wait(s.t, imp.ID)
	require.Equal(s.t, status, last.Import.Status, last.Import.Error)
	ended := s.Temporal.GetWorkflow(enginetest.Context(s.t), imp.WorkflowID, "").Get(enginetest.Context(s.t), nil)
	require.Equal(s.t, status == importstore.StatusCompleted, ended == nil)
	for _, event := range s.History(s.t, imp.WorkflowID, "").GetEvents() {
		require.Nil(s.t, event.GetWorkflowTaskFailedEventAttributes())
	}
	return last
}

func TestCompletes(t *testing.T) {
	t.Parallel()
	s := setup(t)
	last := s.end(s.start(`{"rows": 500, "parts": 5, "bad_rows": 3}`), importstore.StatusCompleted)
	require.EqualValues(t, 497, last.RowsLoaded)
}

func TestFails(t *testing.T) {
	t.Parallel()
	s := setup(t)
	last := s.end(s.start(`{"rows": 500, "parts": 5, "fail": "finalize", "permanent": true}`), importstore.StatusFailed)
	require.Equal(t, "bad_input", last.Import.ErrorClass)
}

func TestIsCancelled(t *testing.T) {
	t.Parallel()
	s := setup(t)
	imp := s.start(`{"rows": 20000, "parts": 4, "delay": "20ms"}`)
	s.WaitLoading(t, imp.ID)
	require.NoError(t, s.Starter.Cancel(enginetest.Context(t), imp.ID, starter.By{}))
	s.end(imp, importstore.StatusCancelled)
}

func TestIsDecidedAbout(t *testing.T) {
	t.Parallel()
	s := setup(t)
	ctx := enginetest.Context(t)
	imp := s.start(`{"rows": 100, "parts": 3, "fail": "import_data", "fail_times": 30}`)
	s.WaitParked(t, imp.ID)
	require.NoError(t, s.Starter.SkipPart(ctx, imp.ID, 1, starter.By{Why: "lost"}))
	require.NoError(t, s.Starter.RetryPart(ctx, imp.ID, 0, starter.By{}))
	require.NoError(t, s.Starter.RetryPart(ctx, imp.ID, 2, starter.By{}))
	last := s.end(imp, importstore.StatusCompleted)
	require.EqualValues(t, 67, last.RowsLoaded)
}
