package sourcefile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// do is bounded with a context: its error is that of ctx once ctx is done.
func do[T any](
	ctx context.Context, o *Opener, path, operation string, run func() (T, error), late func(T),
) (T, error) {
	if err := ctx.Err(); err != nil {
		var none T
		return none, err
	}
	value, err := bounded(ctx.Done(), o, path, operation, run, late)
	if errors.Is(err, errStopped) {
		err = ctx.Err()
	}
	return value, err
}

// errStopped is the error of an operation whose caller has stopped waiting.
var errStopped = errors.New("stopped")

// bounded runs an operation in a separate goroutine and waits for it until stop is closed or
// the timeout expires. late, if set, receives a later result of the operation. The goroutine
// ends when the operating system completes the operation.
func bounded[T any](
	stop <-chan struct{}, o *Opener, path, operation string, run func() (T, error), late func(T),
) (T, error) {
	var none T
	if operation != "close" && o.hangs(path) {
		return none, fmt.Errorf("%s: %w since an earlier operation", operation, ErrHung)
	}
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		value, err := run()
		done <- outcome{value, err}
	}()
	timeout := cmp.Or(o.Timeout, DefaultTimeout)
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	var err error
	select {
	case got := <-done:
		return got.value, got.err
	case <-stop:
		err = errStopped
	case <-timer.C:
		err = fmt.Errorf("%s: %w within %s", operation, ErrHung, timeout)
	}
	o.mark(path, 1)
	go func() {
		got := <-done
		o.mark(path, -1)
		if late != nil && got.err == nil {
			late(got.value)
		}
	}()
	return none, err
}

// hangs reports whether an operation on the path has not returned.
func (o *Opener) hangs(path string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.hung[path] > 0
}

// mark counts the operations on a path that have not returned.
func (o *Opener) mark(path string, by int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.hung == nil {
		o.hung = map[string]int{}
	}
	if o.hung[path] += by; o.hung[path] == 0 {
		delete(o.hung, path)
	}
}

// kindOf names the kind of a file that is not regular.
func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	default:
		return "something else"
	}
}
