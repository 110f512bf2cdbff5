package supervise

import (
	"errors"
	"fmt"
	"strings"
)

// ExitPermanent is the exit code by which a child says that starting it again
// cannot help: wrong flags, a missing library, a data folder of another
// version. It is EX_CONFIG of sysexits.h. A child that exits with it is not
// restarted.
const ExitPermanent = 78

// ErrStopped is returned by [Child.WaitReady] when the child was stopped while
// one waited for it.
var ErrStopped = errors.New("stopped")

// FailedError says that a child was given up: it exited with [ExitPermanent],
// or never became ready in [Spec.MaxStartFailures] attempts.
type FailedError struct {
	// Name is the child's name.
	Name string
	// Attempts counts the starts that failed in a row.
	Attempts int
	// Cause is how the last attempt ended.
	Cause error
	// Tail holds the last lines that the child wrote, oldest first.
	Tail []string
}

// Error names the child, how it ended, and repeats its last lines, since the
// reason is nearly always in them.
func (e *FailedError) Error() string {
	var b strings.Builder
	times := ""
	if e.Attempts > 1 {
		times = fmt.Sprintf(" %d times in a row", e.Attempts)
	}
	fmt.Fprintf(&b, "%s failed to start%s: %v", e.Name, times, e.Cause)
	if len(e.Tail) > 0 {
		b.WriteString("; its last lines:")
		for _, line := range e.Tail {
			b.WriteString("\n  " + line)
		}
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *FailedError) Unwrap() error { return e.Cause }
