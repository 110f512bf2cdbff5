package app

import (
	"errors"

	"github.com/sluicehq/sluice/devstack/engines"
	"github.com/sluicehq/sluice/devstack/postgres"
	"github.com/sluicehq/sluice/devstack/supervise"
	"github.com/sluicehq/sluice/devstack/temporal"
)

// permanentErrors are errors of an engine's start that a retry cannot fix.
var permanentErrors = []error{
	postgres.ErrVersion, postgres.ErrUnreachable, postgres.ErrNoAccount,
	temporal.ErrVersion,
	engines.ErrNotFound, errUsage,
}

// errUsage: the command line is wrong.
var errUsage = errors.New("wrong usage")

// engineError gives an engine's error the exit code by which the supervisor
// knows whether to start it again.
func engineError(err error) error {
	if err == nil {
		return nil
	}
	for _, p := range permanentErrors {
		if errors.Is(err, p) {
			return &exitError{code: supervise.ExitPermanent, err: err}
		}
	}
	return err
}
