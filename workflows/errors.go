package workflows

import (
	"errors"

	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/importers"
)

// Explain returns the class and the text of the error that ended an import.
func Explain(err error) (class, reason string) {
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
			// Temporal's own, for instance about an unknown activity.
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

// IsType says whether an activity, or the workflow itself, has failed with an error of
// that type.
func IsType(err error, name string) bool {
	var app *temporal.ApplicationError
	return errors.As(err, &app) && app.Type() == name
}

// IsPermanent says whether an error is one that no retry will cure.
func IsPermanent(err error) bool {
	var app *temporal.ApplicationError
	return temporal.IsCanceledError(err) ||
		errors.As(err, &app) && app.NonRetryable() && app.Type() != activities.TypeAdvanced
}
