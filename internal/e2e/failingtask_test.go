package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/listentest"
	"github.com/sluicehq/sluice/internal/polltest"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/importing"
)

// startFaulty runs a worker of a faulty release until stop is called: it carries out workflows
// alone, those of imports by run.
func (s *system) startFaulty(run func(workflow.Context, importing.ImportInput) (importing.ImportResult, error)) (stop func()) {
	s.t.Helper()
	w := worker.New(s.Temporal, workflows.QueueMain, worker.Options{LocalActivityWorkerOnly: true})
	w.RegisterWorkflowWithOptions(run, workflow.RegisterOptions{Name: workflows.TypeImport})
	require.NoError(s.t, w.Start())
	return w.Stop
}

// listed returns an import as lists and screens have it.
func (s *system) listed(id int64) importstore.Summary {
	s.t.Helper()
	page, err := s.Store.Imports.Summaries(enginetest.Context(s.t), importstore.Listing{Limit: 10})
	require.NoError(s.t, err)
	for _, i := range page {
		if i.Import.ID == id {
			return i
		}
	}
	s.t.Fatalf("import %d is not listed", id)
	return importstore.Summary{}
}

// scrape returns the metrics of a worker; "" while it does not answer.
func scrape(t *testing.T, address string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/metrics", http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return ""
	}
	defer func() { require.NoError(t, response.Body.Close()) }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(text)
}

// A task of a workflow that fails, because a release panics, shows at its import. A good worker
// takes over, and nothing of it is left.
func TestFailingTaskIsShown(t *testing.T) {
	t.Parallel()
	s, _ := recovering(t)
	stop := s.startFaulty(func(workflow.Context, importing.ImportInput) (importing.ImportResult, error) {
		panic("a fault of this release")
	})
	r := s.noopRequest(site, `{"rows": 100}`)
	yes := true
	r.Review = &yes
	imp := s.Start(t, r)
	polltest.Eventually(t, func() bool {
		require.NoError(t, s.recover(imp.ID))
		return s.listed(imp.ID).Import.WorkflowFault != ""
	}, time.Minute, 100*time.Millisecond)
	fault := s.listed(imp.ID).Import.WorkflowFault
	require.Contains(t, fault, "the workflow stands still: a task of it fails since ")
	require.Contains(t, fault, "a fault of this release")
	stop()
	s.StartWorker(t)
	s.WaitFor(t, imp.ID, "in review, without a fault", func(now importstore.Summary) bool {
		return now.Import.Status == importstore.StatusInReview && now.Import.WorkflowFault == ""
	})
	require.NoError(t, s.Starter.Decide(enginetest.Context(t), imp.ID, importstore.Accepted, bob))
	require.EqualValues(t, 100, s.end(imp, importstore.StatusCompleted).RowsLoaded)
}

// A history that this release cannot replay shows at its import and in the metric, until a reset
// has brought the workflow to a point from which it can resume.
func TestFailingTaskIsMeasured(t *testing.T) {
	t.Parallel()
	s, _ := recovering(t)
	ctx := enginetest.Context(t)
	s.Settings.Worker.Listen = listentest.FreeAddress(t)
	stop := s.startFaulty(func(ctx workflow.Context, _ importing.ImportInput) (importing.ImportResult, error) {
		return importing.ImportResult{}, workflow.Sleep(ctx, time.Second)
	})
	imp := s.noop(site, `{"rows": 100}`)
	polltest.Eventually(t, func() bool {
		events := s.History(t, imp.WorkflowID, "").GetEvents()
		return events[len(events)-1].GetEventType() == enums.EVENT_TYPE_TIMER_STARTED
	}, time.Minute, 10*time.Millisecond)
	stop()
	s.StartWorker(t)
	now := s.WaitFor(t, imp.ID, "faulty", func(now importstore.Summary) bool { return now.Import.WorkflowFault != "" })
	require.Contains(t, now.Import.WorkflowFault, "nondeterministic")
	measured := func(value string) func() bool {
		return func() bool {
			return strings.Contains(scrape(t, s.Settings.Worker.Listen), "\n"+`sluice_workflow_tasks_failing{workflow_type="Import"} `+value+"\n")
		}
	}
	require.Eventually(t, measured("1"), time.Minute, 50*time.Millisecond)
	s.Reset(t, imp.WorkflowID)
	require.EqualValues(t, 100, s.end(imp, importstore.StatusCompleted).RowsLoaded)
	require.Eventually(t, measured("0"), time.Minute, 50*time.Millisecond)
	last, err := s.Store.Imports.Import(ctx, imp.ID)
	require.NoError(t, err)
	require.Empty(t, last.WorkflowFault)
}
