package store

import (
	"context"
	"fmt"

	"github.com/sluicehq/sluice/store/internal/db"
)

// ConnectionKeyset is a text that the store's key set has sealed, with the ID of the key.
type ConnectionKeyset = db.ConnectionKeyset

// ConnectionKeyset returns what the store's key set has sealed, or ErrNotFound if none has sealed
// anything yet.
func (s *Store) ConnectionKeyset(ctx context.Context) (ConnectionKeyset, error) {
	row, err := s.sql.Queries.ReadConnectionKeyset(ctx)
	return row, Found(err, "key set of connections")
}

// RememberKeyset remembers the store's key set by what it has sealed, unless there is one.
func (s *Store) RememberKeyset(ctx context.Context, keyID int64, sealed []byte) error {
	err := s.sql.Queries.AddConnectionKeyset(ctx, keyID, sealed)
	if err != nil {
		return fmt.Errorf("remember the key set of connections: %w", err)
	}
	return nil
}

// ReplaceKeyset replaces the store's key set.
func (s *Store) ReplaceKeyset(ctx context.Context, keyID int64, sealed []byte) error {
	err := s.sql.InTx(ctx, func(q *db.Queries) error { return q.PutConnectionKeyset(ctx, keyID, sealed) })
	if err != nil {
		return fmt.Errorf("replace the key set of connections: %w", err)
	}
	return nil
}
