package importing_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	importacts "github.com/sluicehq/sluice/activities/importing"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/command"
	"github.com/sluicehq/sluice/workflows/importing"
	"github.com/sluicehq/sluice/workflows/workflowtest"
)

// refusal passes the answer on at once; an update that is accepted has none.
type refusal chan error

// Accept, Reject and Complete pass the answer on.
func (r refusal) Accept() { r <- nil }

func (r refusal) Reject(err error) { r <- err }

func (refusal) Complete(any, error) {}

// retry and skip send an update.
func (r *run) retry(part int32) *workflowtest.Answer {
	a := &workflowtest.Answer{}
	r.UpdateWorkflow(workflows.CommandRetryPart, "", a, importing.RetryPart{Part: part})
	return a
}

func (r *run) skip(part int32, reason string) *workflowtest.Answer {
	a := &workflowtest.Answer{}
	r.UpdateWorkflow(workflows.CommandSkipPart, "", a, importing.SkipPart{Command: command.Command{Reason: reason}, Part: part})
	return a
}

// failUntil makes parts fail until fixed is set.
func failUntil(fixed *bool) func(context.Context, int32, int) error {
	return func(context.Context, int32, int) error {
		if *fixed {
			return nil
		}
		return transient()
	}
}

func TestRetryPart(t *testing.T) {
	t.Parallel()
	r := setup(t)
	fixed := false
	r.load = failUntil(&fixed)
	var first, second, third *workflowtest.Answer
	r.RegisterDelayedCallback(func() { first = r.retry(0) }, 2*time.Hour)
	r.RegisterDelayedCallback(func() {
		require.Equal(t, 20, r.calledTimes("import_data 0"), "another ten attempts")
		require.Equal(t, []string{importstore.PartParked, importstore.PartParked}, r.statuses())
		fixed = true
		second, third = r.retry(0), r.retry(1)
	}, 4*time.Hour)
	require.NoError(t, r.start())
	for _, a := range []*workflowtest.Answer{first, second, third} {
		require.Equal(t, workflowtest.Answer{Accepted: true}, *a)
	}
	require.Equal(t, []string{importstore.PartDone, importstore.PartDone}, r.statuses())
	require.Empty(t, r.state().Parts[0].Reason)
	require.Equal(t, 2, r.calledTimes(workflows.ActivityPark), "it waited twice")
	require.Equal(t, happyEnd, r.once()[len(r.once())-len(happyEnd):])
}

func TestSkipPart(t *testing.T) {
	t.Parallel()
	r := setup(t)
	fixed := false
	r.load = func(ctx context.Context, part int32, call int) error {
		if part == 1 {
			return nil
		}
		return failUntil(&fixed)(ctx, part, call)
	}
	var a *workflowtest.Answer
	r.RegisterDelayedCallback(func() { a = r.skip(0, "the export is lost") }, time.Hour)
	require.NoError(t, r.start())
	require.Equal(t, workflowtest.Answer{Accepted: true}, *a)
	require.Equal(t, []importacts.Stopped{
		{PartRef: importacts.PartRef{ImportID: ImportID, Part: 0, FencingToken: fencingToken}, Reason: "the export is lost"},
	}, r.skipped)
	require.Equal(t, []string{importstore.PartSkipped, importstore.PartDone}, r.statuses())
	require.Equal(t, 2, r.progress().PartsDone)
	require.EqualValues(t, 4, r.progress().RowsLoaded, "those of the other part")
}

// What cannot be done is refused with the reason, and leaves no trace.
func TestDecisionsAreRefused(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.planned = plan(3)
	fixed := false
	r.load = func(ctx context.Context, part int32, call int) error {
		if part == 2 {
			return nil
		}
		return failUntil(&fixed)(ctx, part, call)
	}
	refused := map[string]*workflowtest.Answer{}
	r.during[workflows.ActivityBeforeStart] = func() {
		refused["the import has no parts yet"] = r.retry(0)
	}
	r.RegisterDelayedCallback(func() {
		refused["part 0 is running: only a parked part can be retried or skipped"] = r.retry(0)
	}, time.Second)
	r.RegisterDelayedCallback(func() {
		refused["part 2 is done: only a parked part can be retried or skipped"] = r.retry(2)
		refused["part 3 is not an open part: the import has 3 parts, numbered from 0"] = r.skip(3, "why not")
		refused["skipping a part requires a reason"] = r.skip(0, " \n")
		fixed = true
		// Two at the same moment: the first wins.
		require.Equal(t, workflowtest.Answer{}, *r.retry(9), "not yet answered")
		first, second := r.retry(0), r.skip(0, "too late")
		r.RegisterDelayedCallback(func() {
			require.True(t, first.Accepted)
			require.False(t, second.Accepted && second.Finished == nil, "one decision only")
		}, time.Minute)
		r.retry(1)
	}, time.Hour)
	require.NoError(t, r.start())
	for want, got := range refused {
		require.False(t, got.Accepted, want)
		require.EqualError(t, got.Rejected, want)
	}
	require.Equal(t, []string{importstore.PartDone, importstore.PartDone, importstore.PartDone}, r.statuses())
}

// While a part is being skipped, the import neither parks nor takes another decision
// about it.
func TestSkippingIsOneDecision(t *testing.T) {
	t.Parallel()
	r := setup(t)
	fixed := false
	r.load = failUntil(&fixed)
	refused := make(chan error, 2)
	r.during[workflows.ActivitySkipPart] = func() {
		r.during[workflows.ActivitySkipPart] = nil
		r.UpdateWorkflow(workflows.CommandRetryPart, "", refusal(refused), importing.RetryPart{Part: 0})
		err := <-refused
		refused <- err
	}
	r.RegisterDelayedCallback(func() { r.skip(0, "lost") }, time.Hour)
	r.RegisterDelayedCallback(func() {
		require.Equal(t, []string{importstore.PartSkipped, importstore.PartParked}, r.statuses())
		r.skip(1, "lost too")
	}, 2*time.Hour)
	require.NoError(t, r.start())
	require.EqualError(t, <-refused, "part 0 already has the decision skip")
	require.Len(t, r.skipped, 2)
}
