package importing_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
)

// moody is a noop importer that goes wrong in each of the ways it is given, one
// attempt after the other, and notes what stands in the store at the begin of each.
type moody struct {
	*noop.Importer
	moods []func() error
	// lastError reads the import's attempt error.
	lastError func() string
	seen      []string
}

func (m *moody) BeforeStart(context.Context, importers.Import) (json.RawMessage, error) {
	m.seen = append(m.seen, m.lastError())
	if mood := len(m.seen) - 1; mood < len(m.moods) {
		return nil, m.moods[mood]()
	}
	return nil, nil
}

// withRecorder runs BeforeStart with retries, as a workflow does, on a worker with the
// interceptor.
func (b *bundle) withRecorder(ref importing.ImportRef) error {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&activities.LastErrorRecorder{Store: b.Store}}})
	env.RegisterActivity(b.BeforeStart)
	env.ExecuteWorkflow(func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 5},
		})
		return workflow.ExecuteActivity(ctx, b.BeforeStart, ref).Get(ctx, nil)
	})
	return env.GetWorkflowError()
}

// People see why an activity is tried again, while it is. What has been overcome, or
// has ended the import, is no attempt error any more.
func TestLastErrorRecorder(t *testing.T) {
	t.Parallel()
	m := &moody{Importer: noop.New()}
	b := setup(t, m)
	ref := b.Create(t, b.Site, `{}`)
	m.lastError = func() string { return b.Imp(t, ref).AttemptError }
	fail := func() error { return errors.New("the source is down \x00\xff") }
	panics := func() error { panic("no idea \xff") }

	m.moods = []func() error{fail, panics}
	require.NoError(t, b.withRecorder(ref))
	// Each attempt enters its phase first, which is when the note of the last goes.
	require.Equal(t, []string{"", "", ""}, m.seen)
	require.Empty(t, m.lastError())

	m.moods, m.seen = []func() error{fail, fail, fail, fail, fail}, nil
	require.Error(t, b.withRecorder(ref))
	require.Equal(t, "the source is down \uFFFD\uFFFD", m.lastError())

	m.moods, m.seen = []func() error{panics, panics, panics, panics, panics}, nil
	require.Error(t, b.withRecorder(ref))
	require.Equal(t, "panic: no idea \uFFFD", m.lastError())

	// A source that wants to be asked later has its reason and its time shown.
	until := time.Now().Add(time.Hour)
	m.moods, m.seen = []func() error{func() error { return importers.WaitUntil(until, errors.New("the quota is used up")) }}, nil
	require.Error(t, b.withRecorder(ref))
	waiting := b.Imp(t, ref)
	require.Equal(t, "the quota is used up", waiting.WaitReason)
	require.NotNil(t, waiting.WaitUntil)
	require.WithinDuration(t, until, *waiting.WaitUntil, time.Second)

	m.moods, m.seen = []func() error{func() error { return importers.Permanent(importers.ClassInput, errors.New("no such file")) }}, nil
	require.Error(t, b.withRecorder(ref))
	require.Empty(t, m.lastError(), "the end of the import reports its error")
}
