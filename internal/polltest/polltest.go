// Package polltest waits in tests for what happens elsewhere.
//
// It calls conditions on the goroutine of the test, so that they may use the test's methods and
// helpers. Testify's Eventually calls them on another goroutine, where FailNow must not be called.
package polltest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Eventually polls a condition until it holds. The test fails if it does not hold within a time.
func Eventually(tb testing.TB, condition func() bool, within, tick time.Duration, messageAndArgs ...any) {
	tb.Helper()
	if !poll(condition, within, tick) {
		require.FailNow(tb, "condition never satisfied", messageAndArgs...)
	}
}

// Check collects the failures of one call of a condition. Functions of testify take it for a test.
type Check struct{ failures []string }

var _ require.TestingT = (*Check)(nil)

// Errorf keeps a failure.
func (c *Check) Errorf(format string, args ...any) {
	c.failures = append(c.failures, fmt.Sprintf(format, args...))
}

// failedNow leaves a condition.
type failedNow struct{}

// FailNow ends the call of the condition.
func (*Check) FailNow() { panic(failedNow{}) }

// call calls a condition and returns its failures.
func (c *Check) call(condition func(c *Check)) {
	c.failures = nil
	defer func() {
		if p := recover(); p != nil {
			if _, ours := p.(failedNow); !ours {
				panic(p)
			}
		}
	}()
	condition(c)
}

// Until polls a condition until no assertion in it fails. The test fails if one does after a time, with
// the failures of the last call.
func Until(tb testing.TB, condition func(c *Check), within, tick time.Duration) {
	tb.Helper()
	var c Check
	passes := func() bool {
		c.call(condition)
		return len(c.failures) == 0
	}
	if !poll(passes, within, tick) {
		require.FailNow(tb, "not in time", "%s", strings.Join(c.failures, "\n"))
	}
}

func poll(condition func() bool, within, tick time.Duration) bool {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline.C:
			return condition()
		}
	}
	return true
}
