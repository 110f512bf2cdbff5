package webhook

import (
	"time"

	"github.com/sluicehq/sluice/destinations"
)

// NewImpatient returns a destination that waits for an answer no longer than that.
func NewImpatient(addresses string, timeout time.Duration) destinations.Destination {
	d, ok := New(addresses).(*destination)
	if !ok {
		panic("New returns a *destination")
	}
	d.post.timeout = timeout
	return d
}
