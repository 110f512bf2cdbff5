package syncing

import (
	"context"
	"errors"

	"github.com/sluicehq/sluice/store"
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

// WakeRequest names the sync to wake.
type WakeRequest struct {
	Sync string `json:"sync"`
}

// Wakes has the activity of schedules.
type Wakes struct {
	// Store is the system of record. Required.
	Store *syncstore.Store
	// Wake sends the signal wake to the workflow of a sync, and starts it if it does not run. Required.
	Wake func(ctx context.Context, row syncstore.Sync) error
	// Forget deletes the schedule of a sync that does not exist. Required.
	Forget func(ctx context.Context, name string) error
}

// WakeSync wakes a sync. The schedule of a sync that does not exist is deleted: a worker may have created it
// while the sync was deleted.
func (w *Wakes) WakeSync(ctx context.Context, in WakeRequest) error {
	err := w.Store.NoteWoken(ctx, in.Sync)
	if errors.Is(err, store.ErrNotFound) {
		return failure(w.Forget(ctx, in.Sync))
	}
	if err != nil {
		return failure(err)
	}
	row, err := w.Store.Sync(ctx, in.Sync)
	if err != nil {
		return failure(err)
	}
	return failure(w.Wake(ctx, row))
}
