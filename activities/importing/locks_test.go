package importing_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// An import that does not get its locks says what it waits for, once, and gets them when the holder has ended.
func TestAcquire(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Dependencies = []importstore.Dependency{{Resource: "site:example.com"}, {Resource: "list:news", Shared: true}}
	holder, waiter := b.Create(t, b.Site, `{}`), b.Create(t, b.Site, `{}`)
	acquire := func(ref importing.ImportRef) (got importing.Acquired) {
		b.Run(t, b.Locks.Acquire, ref, &got)
		return got
	}
	granted := acquire(holder)
	require.Positive(t, granted.FencingToken)
	require.Empty(t, granted.Waiting)
	for range 2 {
		require.Equal(t, importing.Acquired{Waiting: "import 1 (site:example.com)"}, acquire(waiter))
	}
	require.Equal(t, []string{"info: Waiting for import 1 (site:example.com)."}, b.Log(t, waiter))
	require.NoError(t, b.EndInStore(holder, importstore.StatusFailed))
	later := acquire(waiter)
	require.Greater(t, later.FencingToken, granted.FencingToken)

	// Without a holder it waits for a place.
	b.Locks.Limits = importstore.LockLimits{Running: 1, RunningPerSite: 1}
	b.Dependencies = []importstore.Dependency{{Resource: "site:another"}}
	third := b.Create(t, b.Site, `{}`)
	require.Equal(t, importing.Acquired{Waiting: "a place: as many imports run as may"}, acquire(third))
	require.Equal(t, "acquire locks: import 404: not found", b.Refused(t, b.Locks.Acquire, importing.ImportRef{ImportID: 404}, importers.ClassEnded))
}

// heartbeating executes ImportData as the attempt of an activity that has reported an Advance.
func (b *bundle) heartbeating(part importing.PartRef, last any, stop chan struct{}) error {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(b.ImportData)
	env.SetHeartbeatDetails(last)
	env.SetWorkerStopChannel(stop)
	_, err := env.ExecuteActivity(b.ImportData, part)
	return err
}

// A part waits for a place among those that its process loads at once; an attempt that waits ends with its worker.
func TestSlots(t *testing.T) {
	t.Parallel()
	b := setup(t, noop.New())
	ref := b.planned(t, `{"rows": 25}`)
	b.Slots = make(chan struct{}, 1)
	part := importing.PartRef{ImportID: ref.ImportID}
	b.Slots <- struct{}{}
	stop := make(chan struct{})
	close(stop)
	err := b.heartbeating(part, importing.Advance{Chunks: 1}, stop)
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, activities.TypeTransient, app.Type())
	require.Contains(t, app.Message(), "the worker is stopping")
	require.Zero(t, b.Rows(t, ref), "nothing was begun")
	require.ErrorContains(t, b.heartbeating(part, "no advance", make(chan struct{})), "unable to decode")

	waiting := make(chan error, 1)
	go func() { waiting <- b.heartbeating(part, importing.Advance{Chunks: 1}, make(chan struct{})) }()
	select {
	case err := <-waiting:
		require.Fail(t, "it did not wait", "%v", err)
	case <-time.After(50 * time.Millisecond):
	}
	<-b.Slots
	require.NoError(t, <-waiting)
	require.EqualValues(t, 25, b.Rows(t, ref))
	require.Empty(t, b.Slots, "its place is free again")
	require.NoError(t, b.heartbeating(part, importing.Advance{}, make(chan struct{})), "a place is free")
}

// Figures of a part replace earlier ones only.
func TestReportFollows(t *testing.T) {
	t.Parallel()
	report := func(token, read int64) importing.PartReport {
		return importing.PartReport{FencingToken: token, PartResult: importing.PartResult{RowsRead: read}}
	}
	for _, test := range []struct {
		later, earlier importing.PartReport
		want           bool
	}{
		{report(1, 20), report(1, 10), true},
		{report(1, 10), report(1, 10), false},
		{report(2, 5), report(1, 10), true},
		{report(1, 30), report(2, 10), false},
		{report(3, -1), report(2, 10), false},
	} {
		require.Equal(t, test.want, test.later.Follows(test.earlier), "%+v", test)
	}
}
