package webhook

import (
	"time"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/outbound"
)

// NewImpatient returns a destination that waits for an answer no longer than that.
func NewImpatient(guard outbound.Guard, timeout time.Duration) destinations.Destination {
	d, ok := New(guard).(*destination)
	if !ok {
		panic("New returns a *destination")
	}
	d.post.timeout = timeout
	return d
}
