package connections

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/store"
)

// Health is how jobs fare with a connection.
type Health struct {
	// State is store.ConnectionHealthy or another of its kind.
	State string `json:"state"`
	// Failures is how many consecutive batches have failed, Reason why the last one has.
	Failures int32  `json:"failures"`
	Reason   string `json:"reason"`
	// OpenUntil is until when the circuit is open; null while it is closed.
	OpenUntil *time.Time `json:"open_until"`
	// PausedAt is when a person has opened it, null if none has; PausedBy and PausedReason
	// say who, and why.
	PausedAt     *time.Time `json:"paused_at"`
	PausedBy     string     `json:"paused_by"`
	PausedReason string     `json:"paused_reason"`
}

// HealthAt returns the health as it is at a time.
func HealthAt(h store.ConnectionHealth, now time.Time) Health {
	return Health{
		State: store.ConnectionState(h, now), Failures: h.Failures, Reason: h.Reason, OpenUntil: h.OpenUntil,
		PausedAt: h.PausedAt, PausedBy: h.PausedBy, PausedReason: h.PausedReason,
	}
}

// Pause opens the circuit of a connection: its jobs wait until Resume. The error is
// ErrNotFound if there is none.
func (c *Connections) Pause(ctx context.Context, name string, o store.Order) error {
	if err := CheckName(name); err != nil {
		return err
	}
	return notFound(c.Store.PauseConnection(ctx, name, o), name)
}

// Resume lets the jobs of a connection be loaded at once. The error is ErrNotFound if there
// is none.
func (c *Connections) Resume(ctx context.Context, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	return notFound(c.Store.ResumeConnection(ctx, name), name)
}
