package importing_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/activities"
	importacts "github.com/sluicehq/sluice/activities/importing"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/command"
)

// gaveUp is the error of a cancelled attempt that fails for another reason before it ends: the
// server does not retry it.
func gaveUp() error {
	return temporal.NewApplicationErrorWithOptions("the store is away", activities.TypeTransient,
		temporal.ApplicationErrorOptions{Details: []any{importacts.Advance{}}})
}

// A part whose attempt fails while a pause interrupts it is not parked: it is loaded when
// the import continues.
func TestInterruptedAttemptFails(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.planned = plan(1)
	paused := make(chan struct{})
	r.load = func(_ context.Context, _ int32, call int) error {
		if call == 1 {
			<-paused
			return gaveUp()
		}
		return nil
	}
	r.RegisterDelayedCallback(func() {
		r.command(workflows.CommandPause, command.Pause{Command: byAnn})
	}, time.Second)
	r.RegisterDelayedCallback(func() { close(paused) }, 2*time.Second)
	r.RegisterDelayedCallback(func() {
		require.Equal(t, []string{importstore.PartWaiting}, r.statuses())
		r.command(workflows.CommandResume, command.Resume{Command: byAnn})
	}, time.Hour)
	require.NoError(t, r.start())
	require.Empty(t, r.parked)
	require.Equal(t, 2, r.calledTimes("import_data 0"))
}

// An import that is cancelled while an attempt fails ends as cancelled, also where parts
// that fail are not parked.
func TestCancelledAttemptFails(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.planned = plan(1)
	r.planned.Park = false
	r.load = func(ctx context.Context, _ int32, _ int) error {
		r.CancelWorkflow()
		<-ctx.Done()
		return gaveUp()
	}
	err := r.start()
	require.True(t, temporal.IsCanceledError(err), "%v", err)
	for _, end := range r.ended {
		require.Equal(t, importstore.StatusCancelled, end.Status)
	}
	require.NotEmpty(t, r.ended)
}
