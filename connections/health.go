package connections

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// Health is the health of a connection.
type Health struct {
	// State is deliverystore.ConnectionHealthy or another state of connections.
	State string `json:"state"`
	// Failures is the number of consecutive failed batches, Reason the last error.
	Failures int32  `json:"failures"`
	Reason   string `json:"reason"`
	// OpenUntil is the time until which the circuit is open; null while it is closed.
	OpenUntil *time.Time `json:"open_until"`
	// PausedAt is the time at which PausedBy paused the connection for PausedReason; null if
	// it is not paused.
	PausedAt     *time.Time `json:"paused_at"`
	PausedBy     string     `json:"paused_by"`
	PausedReason string     `json:"paused_reason"`
}

// HealthAt returns the health at a time.
func HealthAt(h deliverystore.Health, now time.Time) Health {
	return Health{
		State: deliverystore.ConnectionState(h, now), Failures: h.Failures, Reason: h.Reason, OpenUntil: h.OpenUntil,
		PausedAt: h.PausedAt, PausedBy: h.PausedBy, PausedReason: h.PausedReason,
	}
}

// Pause opens the circuit of a connection: its jobs wait until Resume. It returns
// ErrNotFound if the connection does not exist.
func (c *Connections) Pause(ctx context.Context, name string, o deliverystore.Order) error {
	if err := CheckName(name); err != nil {
		return err
	}
	err := c.audited(ctx, "connection.pause", name, func(ctx context.Context) error {
		store.NoteChange(ctx, nil, map[string]any{"paused": true, "by": o.By, "reason": o.Reason})
		return c.Store.PauseConnection(ctx, name, o)
	})
	return notFound(err, name)
}

// Resume ends a pause and makes the jobs of the connection due now. It returns ErrNotFound
// if the connection does not exist.
func (c *Connections) Resume(ctx context.Context, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	err := c.audited(ctx, "connection.resume", name, func(ctx context.Context) error {
		store.NoteChange(ctx, nil, map[string]bool{"paused": false})
		return c.Store.ResumeConnection(ctx, name)
	})
	return notFound(err, name)
}
