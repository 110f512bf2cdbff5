package workflows

import (
	"errors"

	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/importers"
)

// explain returns the class and the text of the error that ended an import.
func explain(err error) (class, reason string) {
	var app *temporal.ApplicationError
	var panicked *temporal.PanicError
	var timeout *temporal.TimeoutError
	switch {
	case temporal.IsCanceledError(err):
		return string(importers.ClassCancelled), "cancelled"
	case errors.As(err, &app):
		if app.Type() == activities.TypeTransient {
			return string(importers.ClassSource), app.Message()
		}
		if !importers.Class(app.Type()).Known() {
			// Temporal's own, for instance about an activity that nobody knows.
			return string(importers.ClassInternal), app.Message()
		}
		return app.Type(), app.Message()
	case errors.As(err, &panicked):
		return string(importers.ClassInternal), "panic: " + panicked.Error()
	case errors.As(err, &timeout):
		return string(importers.ClassInternal), "an attempt took too long or its worker died: " + timeout.Error()
	default:
		return string(importers.ClassInternal), err.Error()
	}
}

// isType says whether an activity, or the workflow itself, has failed with an error of
// that type.
func isType(err error, name string) bool {
	var app *temporal.ApplicationError
	return errors.As(err, &app) && app.Type() == name
}

// isPermanent says whether an error is one that no retry will cure.
func isPermanent(err error) bool {
	var app *temporal.ApplicationError
	return temporal.IsCanceledError(err) ||
		errors.As(err, &app) && app.NonRetryable() && app.Type() != activities.TypeAdvanced
}

// advanceOf returns how far the last attempts came, from the error or, after a
// worker's death, from the last heartbeat; -1 if neither tells.
func advanceOf(err error) int32 {
	var advance activities.Advance
	var app *temporal.ApplicationError
	var timeout *temporal.TimeoutError
	switch {
	case errors.As(err, &app) && app.HasDetails():
		if app.Details(&advance) == nil {
			return advance.Chunks
		}
	case errors.As(err, &timeout) && timeout.HasLastHeartbeatDetails():
		if timeout.LastHeartbeatDetails(&advance) == nil {
			return advance.Chunks
		}
	}
	return -1
}
