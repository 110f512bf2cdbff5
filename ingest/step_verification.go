package ingest

import "context"

// dropVerificationAgent drops events of the program that verifies installations.
func (r run) dropVerificationAgent(_ context.Context, e *Event) error {
	if agent := r.pipeline.config.VerificationAgent; agent != "" && e.Request.UserAgent == agent {
		e.drop(DropVerificationAgent)
	}
	return nil
}
