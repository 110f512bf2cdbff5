package polltest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/polltest"
)

// recorder is a test that only records its failure.
type recorder struct {
	testing.TB
	failed string
}

// stopped is what FailNow panics with, to leave the call as the end of a goroutine would.
type stopped struct{}

// Helper does nothing.
func (*recorder) Helper() {}

// Errorf keeps the message.
func (r *recorder) Errorf(_ string, args ...any) {
	for _, arg := range args {
		if text, ok := arg.(string); ok {
			r.failed += text
		}
	}
}

// FailNow leaves the call.
func (*recorder) FailNow() { panic(stopped{}) }

// failure returns the message with which a call fails.
func failure(t *testing.T, call func(tb testing.TB)) string {
	t.Helper()
	r := &recorder{TB: t}
	require.PanicsWithValue(t, stopped{}, func() { call(r) })
	return r.failed
}

// Conditions are called on the goroutine of the test, until they hold.
func TestPolling(t *testing.T) {
	t.Parallel()
	calls := 0
	polltest.Eventually(t, func() bool {
		t.Helper()
		calls++
		require.LessOrEqual(t, calls, 3)
		return calls == 3
	}, time.Minute, time.Millisecond)
	require.Equal(t, 3, calls)
	polltest.Until(t, func(c *polltest.Check) {
		calls++
		require.Equal(c, 6, calls)
		require.NotNil(t, c)
	}, time.Minute, time.Millisecond)
	require.Equal(t, 6, calls)

	require.Contains(t, failure(t, func(tb testing.TB) {
		tb.Helper()
		polltest.Eventually(tb, func() bool { return false }, time.Millisecond, time.Hour, "the job is held")
	}), "the job is held")
	require.Contains(t, failure(t, func(tb testing.TB) {
		tb.Helper()
		polltest.Until(tb, func(c *polltest.Check) {
			assert.Equal(c, 3, 2, "too few")
			require.FailNow(c, "no more")
		}, time.Millisecond, time.Hour)
	}), "too few")
	require.PanicsWithValue(t, "a fault", func() {
		polltest.Until(t, func(*polltest.Check) { panic("a fault") }, time.Minute, time.Hour)
	})
}
