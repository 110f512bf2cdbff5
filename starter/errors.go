package starter

import "github.com/sluicehq/sluice/starter/internal/call"

var (
	// ErrInvalid means that a request is wrong in itself: nothing was created or sent.
	ErrInvalid = call.ErrInvalid
	// ErrRefused means that a workflow has refused a command.
	ErrRefused = call.ErrRefused
	// ErrNoWorker means that no worker has answered in time. The command may still be executed
	// once a worker runs.
	ErrNoWorker = call.ErrNoWorker
)

// By names the sender of a command and the motive.
type By = call.By
