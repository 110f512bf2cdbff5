package importing

import (
	"context"
	"errors"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/store"
)

// Note is something that a workflow writes down about its import: a line for its log,
// and what people have set.
type Note struct {
	ImportID int64 `json:"import_id"`
	// Level and Message are the line; no message is no line.
	Level   string `json:"level,omitempty"`
	Message string `json:"message,omitempty"`
	// Paused, if set, is whether the import is paused.
	Paused *bool `json:"paused,omitempty"`
	// RowsPerSecond, if set, is how fast it may be loaded.
	RowsPerSecond *int64 `json:"rows_per_second,omitempty"`
}

// Note writes a note down.
func (l *Lifecycle) Note(ctx context.Context, n Note) error {
	var errs []error
	if n.Paused != nil {
		errs = append(errs, l.Store.NotePaused(ctx, n.ImportID, *n.Paused))
	}
	if n.RowsPerSecond != nil {
		errs = append(errs, l.Store.SetRate(ctx, n.ImportID, *n.RowsPerSecond))
	}
	if n.Message != "" {
		err := l.feedback(ctx, n.ImportID).add(ctx, n.Level, n.Message)
		if errors.Is(err, store.ErrNotFound) {
			// It is gone, and its log with it.
			err = nil
		}
		errs = append(errs, err)
	}
	return activities.Failure(errors.Join(errs...))
}
