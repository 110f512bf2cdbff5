// Package ingesting is the part of the store that ingestion has: the event log's identity, the leases
// of its partitions, and the progress of their writers.
package ingesting

import (
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/pg"
)

// Store gives ingestion access to the system of record. It is safe for concurrent use.
type Store struct {
	*store.Store
	sql *pg.SQL
}

// New returns ingestion's view of a store.
func New(s *store.Store) *Store { return &Store{Store: s, sql: s.SQL(pg.Key{})} }
