package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// Salts are the keys of user IDs. They are secret: who has one can test whether a visitor
// was there.
type Salts struct {
	// Current is today's.
	Current [16]byte
	// Previous is that of the day before, or zero if there was none.
	Previous [16]byte
}

// LogValue hides the salts.
func (Salts) LogValue() slog.Value { return slog.StringValue("hidden") }

// String hides the salts.
func (Salts) String() string { return "hidden" }

// GoString hides the salts.
func (Salts) GoString() string { return "hidden" }

// MarshalText hides the salts.
func (Salts) MarshalText() ([]byte, error) { return []byte("hidden"), nil }

var errNoSalt = errors.New("today's salt is zero")

// putSalts sets the salts.
func (r run) putSalts(ctx context.Context, e *Event) error {
	salts, err := r.pipeline.config.Salts.Salts(ctx)
	if err != nil {
		return fmt.Errorf("read the salts: %w", err)
	}
	if salts.Current == [16]byte{} {
		return errNoSalt
	}
	e.Salts = salts
	return nil
}
