package store

import (
	"context"
	"fmt"

	"github.com/sluicehq/sluice/store/db"
)

// DisabledEndpoint is a webhook that gets no more notifications.
type DisabledEndpoint = db.DisabledEndpoint

// Disable keeps notifications from a webhook, named by its connection, until somebody calls
// Enable, changes the connection's settings, or removes it. first is false if it was disabled
// already: it stays so for the reason of then.
func (s *Store) Disable(ctx context.Context, connection, reason string) (first bool, err error) {
	n, err := s.DisableEndpoint(ctx, connection, plain(reason))
	if err != nil {
		return false, fmt.Errorf("disable webhook %s: %w", connection, err)
	}
	return n > 0, nil
}

// Disabled returns since when a webhook gets no more notifications, and why. The error is
// ErrNotFound if it does get them.
func (s *Store) Disabled(ctx context.Context, connection string) (DisabledEndpoint, error) {
	row, err := s.EndpointDisabled(ctx, connection)
	return row, found(err, "webhook %s is not disabled", connection)
}

// Enable lets a webhook have notifications again. The error is ErrNotFound if it has them.
func (s *Store) Enable(ctx context.Context, connection string) error {
	n, err := s.EnableEndpoint(ctx, connection)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("enable webhook %s: %w", connection, err)
	}
	return nil
}
