// Package serving is the part of the store that the API of the servers has: the answers to repeated requests.
package serving

import (
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/pg"
)

// Store gives the API access to the system of record. It is safe for concurrent use.
type Store struct {
	*store.Store
	sql *pg.SQL
}

// New returns the API's view of a store.
func New(s *store.Store) *Store { return &Store{Store: s, sql: s.SQL(pg.Key{})} }

// Now returns the time of the store's clock.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	now, err := s.sql.Queries.ServingNow(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("ask the store for the time: %w", err)
	}
	return now, nil
}
