package importing_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	importacts "github.com/sluicehq/sluice/activities/importing"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/importing"
	"github.com/sluicehq/sluice/workflows/workflowtest"
)

// run is one run of a workflow in the SDK's test environment. Its activities do what
// the fields say, and nothing by default; calls are noted in order.
type run struct {
	*testsuite.TestWorkflowEnvironment
	t *testing.T

	// fail returns the error of a call, given the activity's name and the number of
	// the call to it, from 1.
	fail func(name string, call int) error
	// load loads a part, given how often it was called for that part, from 1.
	load func(ctx context.Context, part int32, call int) error
	// during is called while an activity runs, before it ends.
	during  map[string]func()
	planned importacts.Planned
	// grant returns the answer to a request for locks, given the number of the request,
	// from 1.
	grant func(call int) importacts.Acquired
	// dispatch is what publish and finish say that flows want.
	dispatch *importacts.Outcome
	// untouched says that no callback of the importer has begun.
	untouched bool
	// opened is the review that begins.
	opened importacts.Opened

	mu    sync.Mutex
	calls []string
	count map[string]int
	ended []importacts.Ended
	// failures are the arguments of note_failure.
	failures []importacts.Ended
	// parked and skipped are the arguments of park_part and skip_part.
	parked, skipped []importacts.Stopped
	notes           []importacts.Note
	verdicts        []importacts.Verdict
	reminders       []importacts.Reminder
	loads           []importacts.PartRef
}

const (
	ImportID     = 7
	fencingToken = 5
)

func setup(t *testing.T) *run {
	t.Helper()
	suite := &testsuite.WorkflowTestSuite{}
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	r := &run{
		TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), t: t,
		fail:   func(string, int) error { return nil },
		load:   func(context.Context, int32, int) error { return nil },
		during: map[string]func(){}, count: map[string]int{},
		planned: plan(2),
		grant:   func(int) importacts.Acquired { return importacts.Acquired{FencingToken: fencingToken} },
	}
	// Wall time; the workflow's own is skipped over.
	r.SetTestTimeout(time.Minute)
	r.RegisterWorkflowWithOptions(importing.Import, workflow.RegisterOptions{Name: workflows.TypeImport})
	r.RegisterWorkflowWithOptions(importing.Deletion, workflow.RegisterOptions{Name: workflows.TypeDeletion})
	r.register()
	workflowtest.AcceptRecords(r.TestWorkflowEnvironment)
	r.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
		workflowtest.RequireHeartbeat(t, info)
		requireQueues(t, info)
	})
	return r
}

// onImporterQueue are the activities that need the code of an importer: they run on one of its
// task queues, all others on the main one.
var onImporterQueue = []string{
	workflows.ActivityBeforeStart, workflows.ActivityPlan, workflows.ActivityImportData, workflows.ActivitySummarize,
	workflows.ActivityFinalize, workflows.ActivityOnSuccess, workflows.ActivityOnFailure, workflows.ActivityCleanUp,
	workflows.ActivityRepair,
}

// requireQueues checks the task queue of each activity of an import.
func requireQueues(t *testing.T, info *activity.Info) {
	t.Helper()
	switch name := info.ActivityType.Name; {
	case name == workflows.ActivityDecide:
		// Its stand-in checks it: it is a matter of the verdict.
	case name == workflows.ActivityImportData:
		assert.Equal(t, workflows.LoadQueue("noop"), info.TaskQueue)
	case slices.Contains(onImporterQueue, name):
		assert.Equal(t, workflows.ImporterQueue("noop"), info.TaskQueue, name)
	default:
		assert.NotContains(t, info.TaskQueue, "importer", name)
	}
}

// plan returns a plan of some parts, two at once, which park.
func plan(parts int) importacts.Planned {
	p := importacts.Planned{Open: parts, Total: parts, Days: "2021-01-01..2021-01-31", Parallelism: 2, Park: true}
	for i := range min(parts, importacts.MaxPlannedParts) {
		p.Parts = append(p.Parts, importacts.PlannedPart{No: int32(i), Label: fmt.Sprintf("file %d", i)})
	}
	return p
}

// register registers stand-ins for all activities.
func (r *run) register() {
	add := func(name string, fn any) {
		r.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name})
	}
	for _, name := range []string{
		workflows.ActivityPark, workflows.ActivitySummarize, workflows.ActivityFinalize, workflows.ActivityOnSuccess,
		workflows.ActivityCleanUp, workflows.ActivityRemove, workflows.ActivityRepair, workflows.ActivityClose,
	} {
		add(name, func(_ context.Context, ref importacts.ImportRef) error {
			require.EqualValues(r.t, ImportID, ref.ImportID)
			return r.called(name, name)
		})
	}
	// Locks, notes and the check of what was loaded are not among the calls: they would be in
	// each test's list.
	add(workflows.ActivityCheckLoaded, func(context.Context, importacts.ImportRef) error {
		r.mu.Lock()
		r.count[workflows.ActivityCheckLoaded]++
		call := r.count[workflows.ActivityCheckLoaded]
		r.mu.Unlock()
		return r.fail(workflows.ActivityCheckLoaded, call)
	})
	add(workflows.ActivityPurgeRows, func(_ context.Context, ref importacts.ImportRef) (importacts.Purged, error) {
		require.EqualValues(r.t, ImportID, ref.ImportID)
		return importacts.Purged{Untouched: r.untouched}, r.called(workflows.ActivityPurgeRows, workflows.ActivityPurgeRows)
	})
	add(workflows.ActivityNoteFailure, func(_ context.Context, end importacts.Ended) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.failures = append(r.failures, end)
		return nil
	})
	add(workflows.ActivityAcquire, func(context.Context, importacts.ImportRef) (importacts.Acquired, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.count[workflows.ActivityAcquire]++
		return r.grant(r.count[workflows.ActivityAcquire]), nil
	})
	add(workflows.ActivityNote, func(_ context.Context, n importacts.Note) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.notes = append(r.notes, n)
		return nil
	})
	add(workflows.ActivityBeforeStart, func(_ context.Context, ref importacts.ImportRef) error {
		require.Equal(r.t, importacts.ImportRef{ImportID: ImportID}, ref, "it comes before the locks")
		return r.called(workflows.ActivityBeforeStart, workflows.ActivityBeforeStart)
	})
	add(workflows.ActivityBeginReview, func(context.Context, importacts.ImportRef) (importacts.Opened, error) {
		return r.opened, r.called(workflows.ActivityBeginReview, workflows.ActivityBeginReview)
	})
	add(workflows.ActivityRemind, func(_ context.Context, m importacts.Reminder) error {
		r.mu.Lock()
		r.reminders = append(r.reminders, m)
		r.mu.Unlock()
		return r.called(workflows.ActivityRemind, workflows.ActivityRemind)
	})
	add(workflows.ActivityDecide, func(ctx context.Context, v importacts.Verdict) error {
		atImporter := activity.GetInfo(ctx).TaskQueue == workflows.ImporterQueue("noop")
		assert.Equal(r.t, v.Verdict == importstore.Accepted, atImporter, "StageDone is the importer's")
		r.mu.Lock()
		r.verdicts = append(r.verdicts, v)
		r.mu.Unlock()
		return r.called(workflows.ActivityDecide, workflows.ActivityDecide)
	})
	add(workflows.ActivityPlan, func(context.Context, importacts.ImportRef) (importacts.Planned, error) {
		return r.planned, r.called(workflows.ActivityPlan, workflows.ActivityPlan)
	})
	add(workflows.ActivityPublish, func(context.Context, importacts.ImportRef) (importacts.Published, error) {
		result := importacts.PartResult{RowsRead: 10, RowsLoaded: 8, RowsRejected: 1, RowsOutOfRange: 1}
		return importacts.Published{PartResult: result, Outcome: r.dispatch},
			r.called(workflows.ActivityPublish, workflows.ActivityPublish)
	})
	for _, name := range []string{workflows.ActivityOnFailure, workflows.ActivityFinish} {
		add(name, func(_ context.Context, end importacts.Ended) (importacts.Finished, error) {
			r.mu.Lock()
			r.ended = append(r.ended, end)
			r.mu.Unlock()
			return importacts.Finished{Outcome: r.dispatch}, r.called(name, name)
		})
	}
	for name, list := range map[string]*[]importacts.Stopped{
		workflows.ActivityParkPart: &r.parked, workflows.ActivitySkipPart: &r.skipped,
	} {
		add(name, func(_ context.Context, s importacts.Stopped) error {
			r.mu.Lock()
			*list = append(*list, s)
			r.mu.Unlock()
			return r.called(name, fmt.Sprintf("%s %d", name, s.Part))
		})
	}
	add(workflows.ActivityImportData, func(ctx context.Context, ref importacts.PartRef) (importacts.PartResult, error) {
		label := fmt.Sprintf("%s %d", workflows.ActivityImportData, ref.Part)
		if err := r.called(workflows.ActivityImportData, label); err != nil {
			return importacts.PartResult{}, err
		}
		r.mu.Lock()
		r.count[label]++
		call := r.count[label]
		r.loads = append(r.loads, ref)
		r.mu.Unlock()
		return importacts.PartResult{RowsRead: 5, RowsLoaded: 4, RowsRejected: 1}, r.load(ctx, ref.Part, call)
	})
}

// called notes a call and returns the error that it is to end with.
func (r *run) called(name, label string) error {
	r.mu.Lock()
	r.calls = append(r.calls, label)
	r.count[name]++
	call, during := r.count[name], r.during[name]
	r.mu.Unlock()
	if during != nil {
		during()
	}
	return r.fail(name, call)
}

// once returns the calls in order, repetitions of the last one left out.
func (r *run) once() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Compact(slices.Clone(r.calls))
}

// calledTimes returns how often an activity was called; "import_data 1" is part 1.
func (r *run) calledTimes(label string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, call := range r.calls {
		if call == label {
			n++
		}
	}
	return n
}

// start runs the import to its end.
func (r *run) start() error {
	r.t.Helper()
	r.ExecuteWorkflow(workflows.TypeImport, importing.ImportInput{ImportID: ImportID, Importer: "noop"})
	require.True(r.t, r.IsWorkflowCompleted(), "the workflow must end")
	return r.GetWorkflowError()
}

// state asks the query state.
func (r *run) state() importing.State {
	r.t.Helper()
	var s importing.State
	value, err := r.QueryWorkflow(workflows.QueryState)
	require.NoError(r.t, err)
	require.NoError(r.t, value.Get(&s))
	return s
}

// progress asks the query progress.
func (r *run) progress() importing.Progress {
	r.t.Helper()
	var p importing.Progress
	value, err := r.QueryWorkflow(workflows.QueryProgress)
	require.NoError(r.t, err)
	require.NoError(r.t, value.Get(&p))
	return p
}

// statuses returns the parts' statuses in order.
func (r *run) statuses() []string {
	r.t.Helper()
	var all []string
	for _, p := range r.state().Parts {
		all = append(all, p.Status)
	}
	return all
}

// The ways out, as calls of activities.
var (
	happyEnd = []string{
		workflows.ActivityFinalize, workflows.ActivityCleanUp, workflows.ActivityPublish, workflows.ActivityOnSuccess,
		workflows.ActivityClose,
	}
	failedEnd = []string{
		workflows.ActivityOnFailure, workflows.ActivityPurgeRows, workflows.ActivityCleanUp, workflows.ActivityFinish,
		workflows.ActivityClose,
	}
	// earlyEnd is that of an import whose before_start has not succeeded.
	earlyEnd = failedEnd[1:]
)

// checked says whether before_start has succeeded: the locks were requested.
func (r *run) checked() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count[workflows.ActivityAcquire] > 0
}

// requireEnd checks that the import ended other than well, in the right order.
func (r *run) requireEnd(before []string, end importacts.Ended) {
	r.t.Helper()
	ending := failedEnd
	if !r.checked() {
		ending = earlyEnd
	}
	require.Equal(r.t, append(slices.Clone(before), ending...), r.once())
	end.ImportID = ImportID
	for _, got := range r.ended {
		require.Equal(r.t, end, got)
	}
	require.Equal(r.t, end.Status, r.state().Phase)
}
