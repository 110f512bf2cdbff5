package cli

import (
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/failure"
	"github.com/sluicehq/sluice/internal/scaffold"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// The exit codes of all commands. docs/exit-codes.md has the same list.
const (
	// exitDone: the command succeeded, or there was nothing to do.
	exitDone = 0
	// exitFailure: the command was tried and failed.
	exitFailure = 1
	// exitUsage: the command line or the configuration is invalid; nothing was tried.
	exitUsage = 2
	// exitRefused: the present state does not allow the command.
	exitRefused = 3
	// exitUnavailable: a server or a worker does not answer.
	exitUnavailable = 4
	// exitParked: an import is parked and waits for an operator.
	exitParked = 5
	// exitCancelled: an import was cancelled or declined.
	exitCancelled = 6
	// exitTimeout: the timeout of the command expired.
	exitTimeout = 7
	// exitInterrupted: a signal interrupted the command.
	exitInterrupted = 130
)

// exitError is an error with an exit code of its own.
type exitError struct {
	error
	code int
	// silent: the command has already written the error.
	silent bool
}

// Unwrap returns the error itself.
func (e exitError) Unwrap() error { return e.error }

// exitWith gives an error an exit code; a nil error stays nil.
func exitWith(code int, err error) error {
	if err == nil {
		return nil
	}
	return exitError{error: err, code: code}
}

// silently ends a command that has already written its error.
func silently(code int, err error) error { return exitError{error: err, code: code, silent: true} }

// codeOf returns the exit code of an error.
func codeOf(err error) int {
	var coded exitError
	switch {
	case errors.As(err, &coded):
		return coded.code
	case errors.Is(err, scaffold.ErrExists):
		return exitRefused
	}
	switch failure.Of(err) {
	case failure.None:
		return exitDone
	case failure.Invalid:
		return exitUsage
	case failure.NoWorker, failure.Late, failure.Unavailable:
		return exitUnavailable
	case failure.Internal, failure.Source:
		return exitFailure
	default:
		return exitRefused
	}
}

// codeOfStatus returns the exit code of a command that has waited for an import.
func codeOfStatus(status string) int {
	switch status {
	case importstore.StatusCompleted, importstore.StatusUnchanged:
		return exitDone
	case importstore.StatusParked:
		return exitParked
	case importstore.StatusCancelled, importstore.StatusDeclined:
		return exitCancelled
	default:
		return exitFailure
	}
}

// begunKey is the key of the app's metadata that marks a command as begun.
const begunKey = "begun"

// begin marks the end of the checks of the command line and the configuration. Errors before it are
// usage errors.
func begin(c *cli.Context) { c.App.Metadata[begunKey] = true }

// beforeBegin gives errors before begin the exit code of usage errors.
func beforeBegin(action cli.ActionFunc) cli.ActionFunc {
	if action == nil {
		return nil
	}
	return func(c *cli.Context) error {
		err := action(c)
		var coded exitError
		if begun, ok := c.App.Metadata[begunKey].(bool); ok && begun || errors.As(err, &coded) {
			return err
		}
		return exitWith(exitUsage, err)
	}
}
