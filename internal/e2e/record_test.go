package e2e

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	"google.golang.org/protobuf/encoding/protojson"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
)

// recorder runs imports on real engines in order to record their histories.
type recorder struct {
	*enginetest.System
	t *testing.T
}

// recordings are the histories to record, by the names of their files.
var recordings = map[string]func(r recorder) *historypb.History{
	"completed": func(r recorder) *historypb.History {
		return r.end(r.start(`{"rows": 100, "parts": 3, "bad_rows": 2}`), importstore.StatusCompleted)
	},
	"failed": func(r recorder) *historypb.History {
		return r.end(r.start(`{"rows": 100, "parts": 3, "fail": "import_data", "permanent": true}`), importstore.StatusFailed)
	},
	"cancelled": func(r recorder) *historypb.History {
		imp := r.start(`{"rows": 100000, "parts": 3, "delay": "50ms"}`)
		r.WaitLoading(r.t, imp.ID)
		require.NoError(r.t, r.Starter.Cancel(enginetest.Context(r.t), imp.ID, starter.By{}))
		return r.end(imp, importstore.StatusCancelled)
	},
	"retried": func(r recorder) *historypb.History {
		imp := r.start(`{"rows": 100, "parts": 2, "fail": "import_data", "fail_times": 20}`)
		r.WaitParked(r.t, imp.ID)
		require.NoError(r.t, r.Starter.RetryPart(enginetest.Context(r.t), imp.ID, 0, starter.By{}))
		require.NoError(r.t, r.Starter.RetryPart(enginetest.Context(r.t), imp.ID, 1, starter.By{}))
		return r.end(imp, importstore.StatusCompleted)
	},
	"skipped": func(r recorder) *historypb.History {
		imp := r.start(`{"rows": 100, "parts": 2, "fail": "import_data", "fail_times": 20}`)
		r.WaitParked(r.t, imp.ID)
		require.NoError(r.t, r.Starter.SkipPart(enginetest.Context(r.t), imp.ID, 0, starter.By{Why: "the file is lost"}))
		require.NoError(r.t, r.Starter.RetryPart(enginetest.Context(r.t), imp.ID, 1, starter.By{}))
		return r.end(imp, importstore.StatusCompleted)
	},
	"paused": func(r recorder) *historypb.History {
		imp := r.start(`{"rows": 20000, "parts": 3, "delay": "20ms"}`)
		r.WaitLoading(r.t, imp.ID)
		ctx := enginetest.Context(r.t)
		require.NoError(r.t, r.Starter.Pause(ctx, imp.ID, starter.By{Who: "ann"}))
		require.NoError(r.t, r.Starter.SetRate(ctx, imp.ID, 1_000_000, starter.By{Who: "ann"}))
		require.NoError(r.t, r.Starter.Resume(ctx, imp.ID, starter.By{Who: "ann"}))
		return r.end(imp, importstore.StatusCompleted)
	},
	"waited": func(r recorder) *historypb.History {
		return r.end(r.start(`{"rows": 200, "parts": 2, "fail": "import_data", "fail_times": 2, "wait": "300ms"}`),
			importstore.StatusCompleted)
	},
	"locked": func(r recorder) *historypb.History {
		first := r.start(`{"rows": 2000, "delay": "20ms", "start_date": "2021-01-01", "end_date": "2021-01-10"}`)
		r.WaitLoading(r.t, first.ID)
		second := r.start(`{"rows": 10, "start_date": "2021-02-01", "end_date": "2021-02-10"}`)
		r.end(first, importstore.StatusCompleted)
		return r.end(second, importstore.StatusCompleted)
	},
	"unchanged": func(r recorder) *historypb.History {
		return r.end(r.start(`{"unchanged": true}`), importstore.StatusUnchanged)
	},
	"accepted": func(r recorder) *historypb.History {
		return r.reviewed(importstore.Accepted, importstore.StatusCompleted)
	},
	"declined": func(r recorder) *historypb.History {
		return r.reviewed(importstore.Declined, importstore.StatusDeclined)
	},
	"terminated": func(r recorder) *historypb.History {
		imp := r.start(`{"rows": 20000, "parts": 3, "delay": "20ms"}`)
		r.WaitLoading(r.t, imp.ID)
		ctx := enginetest.Context(r.t)
		require.NoError(r.t, r.Temporal.TerminateWorkflow(ctx, imp.WorkflowID, "", "for the record"))
		_, err := r.Starter.Recover(ctx, imp.ID)
		require.NoError(r.t, err)
		return r.end(imp, importstore.StatusFailed)
	},
	"continued_first": func(r recorder) *historypb.History {
		imp := r.long()
		return r.History(r.t, imp.WorkflowID, imp.RunID)
	},
	"continued_last": func(r recorder) *historypb.History {
		return r.History(r.t, r.long().WorkflowID, "")
	},
	"reset": func(r recorder) *historypb.History {
		imp := r.start(`{"rows": 100, "fail": "plan", "permanent": true, "fail_times": 1}`)
		r.end(imp, importstore.StatusFailed)
		r.Reset(r.t, imp.WorkflowID)
		r.WaitFor(r.t, imp.ID, "completed", func(now importstore.Summary) bool {
			return now.Import.Status == importstore.StatusCompleted
		})
		return r.History(r.t, imp.WorkflowID, "")
	},
	"scheduled": func(r recorder) *historypb.History {
		return r.scheduled(`{"rows": 100}`, false, starter.RunCompleted)
	},
	"scheduled_failed": func(r recorder) *historypb.History {
		return r.scheduled(`{"rows": 100, "fail": "plan", "permanent": true}`, false, starter.RunFailed)
	},
	"scheduled_joined": func(r recorder) *historypb.History {
		return r.scheduled(`{"rows": 10, "delay": "2s"}`, true, starter.RunCompleted)
	},
	"dispatched":           func(r recorder) *historypb.History { return r.dispatch(false) },
	"dispatch":             func(r recorder) *historypb.History { return r.dispatch(true) },
	"destination":          func(r recorder) *historypb.History { return r.destination() },
	"destination_action":   func(r recorder) *historypb.History { return r.destinationAction(0) },
	"destination_commands": func(r recorder) *historypb.History { return r.destinationCommands() },
	"destination_drained":  func(r recorder) *historypb.History { return r.destinationAction(1) },
	"dry_run":              func(r recorder) *historypb.History { return r.dryRun() },
	"synced":               func(r recorder) *historypb.History { return r.synced() },
	"sync_woken":           func(r recorder) *historypb.History { return r.syncWoken() },
	"deleted": func(r recorder) *historypb.History {
		imp := r.start(`{"rows": 100}`)
		r.end(imp, importstore.StatusCompleted)
		require.NoError(r.t, r.Starter.Delete(enginetest.Context(r.t), imp.ID))
		require.NoError(r.t, r.Starter.WaitDeleted(enginetest.Context(r.t), imp.ID))
		id := workflows.DeletionID("example.com", imp.ID)
		require.NoError(r.t, r.Temporal.GetWorkflow(enginetest.Context(r.t), id, "").Get(enginetest.Context(r.t), nil))
		return r.History(r.t, id, "")
	},
}

// long runs an import that continues as new once.
func (r recorder) long() importstore.Import {
	r.t.Helper()
	args, err := json.Marshal(noop.Args{Rows: 200, Parts: importacts.MaxPlannedParts + 3, StartDate: 18628, EndDate: 18658})
	require.NoError(r.t, err)
	imp := r.start(string(args))
	r.end(imp, importstore.StatusCompleted)
	return imp
}

func (r recorder) start(args string) importstore.Import {
	r.t.Helper()
	return r.Start(r.t, r.request(args))
}

func (r recorder) request(args string) starter.Request {
	settings := r.Settings.Import
	settings.ChunkRows, settings.Parallelism = 50, 2
	return starter.Request{Site: "example.com", Source: "noop", Args: json.RawMessage(args), Settings: &settings}
}

// reviewed runs an import that waits for a decision, which is that.
func (r recorder) reviewed(verdict, status string) *historypb.History {
	r.t.Helper()
	request, yes := r.request(`{"rows": 100}`), true
	request.Review = &yes
	imp := r.Start(r.t, request)
	r.WaitFor(r.t, imp.ID, "a review", func(now importstore.Summary) bool { return now.Import.Phase == importstore.PhaseInReview })
	require.NoError(r.t, r.Starter.Decide(enginetest.Context(r.t), imp.ID, verdict, starter.By{Who: "ann", Why: "a look"}))
	return r.end(imp, status)
}

// end waits for the import and for its workflow, and returns the workflow's history.
func (r recorder) end(imp importstore.Import, status string) *historypb.History {
	r.t.Helper()
	last := r.Wait(r.t, imp.ID)
	require.Equal(r.t, status, last.Import.Status, last.Import.Error)
	err := r.Temporal.GetWorkflow(enginetest.Context(r.t), imp.WorkflowID, "").Get(enginetest.Context(r.t), nil)
	require.Equal(r.t, status == importstore.StatusCompleted || status == importstore.StatusUnchanged, err == nil)
	return r.History(r.t, imp.WorkflowID, "")
}

// TestRecord runs what is recorded, and with -record writes the histories.
func TestRecord(t *testing.T) {
	t.Parallel()
	host, err := os.Hostname()
	require.NoError(t, err)
	for name, recording := range recordings {
		if !*record && strings.HasPrefix(name, "continued") {
			// TestHistoryOfManyParts has more of the same.
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			system := enginetest.NewSystem(t, importers.NewRegistry(enginetest.Impatient(noop.New())))
			system.AddSite(t, site)
			system.StartWorker(t)
			history := recording(recorder{System: system, t: t})
			require.Less(t, len(history.GetEvents()), 2000)
			if !*record {
				return
			}
			text, err := protojson.Marshal(history)
			require.NoError(t, err)
			// Workers report their machine's name, which must not be published.
			clean := strings.ReplaceAll(string(text), host, "recorder")
			require.NoError(t, os.WriteFile(filepath.Join(replayFolder, name+".json"), []byte(clean), 0o600))
		})
	}
}

var record = flag.Bool("record", false,
	"record the histories in workflows/testdata/replay anew, those of -run alone: only from a released commit, see the README there")

const replayFolder = "../../workflows/testdata/replay"
