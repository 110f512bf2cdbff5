package app

import (
	"errors"
	"fmt"
	"io"
)

// exitError ends the process with a code of its own. A nil err means that
// there is nothing left to say.
//
// It is a type of ours rather than cli.ExitCoder, which an *exec.ExitError
// somewhere in the chain satisfies too: a child's code is not our own.
type exitError struct {
	code int
	err  error
}

// Error returns the message, "" when there is none.
func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

// Unwrap returns the reason.
func (e *exitError) Unwrap() error { return e.err }

// ExitCode returns the process's exit code for the error of a run, after
// writing the error to stderr. A command run by `exec` has its own code.
func ExitCode(err error, stderr io.Writer) int {
	if err == nil {
		return 0
	}
	code := 1
	if exit, ok := errors.AsType[*exitError](err); ok {
		code = exit.code
	}
	if msg := err.Error(); msg != "" {
		if _, werr := fmt.Fprintf(stderr, "sluice-dev: %s\n", msg); werr != nil {
			return max(code, 1)
		}
	}
	return code
}
