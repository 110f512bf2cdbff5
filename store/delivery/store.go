// Package delivery is the part of the store that deliveries have: events, jobs and their history, flows,
// settings of destinations, and the health of connections.
package delivery

import (
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/pg"
)

// Store gives deliveries access to the system of record. It is safe for concurrent use.
type Store struct {
	*store.Store
	sql      *pg.SQL
	reporter Reporter
}

// New returns the deliveries' view of a store. Jobs that end undelivered are reported to the reporter,
// unless it is nil. Package dispatch makes one whose reporter writes to the logs of imports.
func New(s *store.Store, r Reporter) *Store {
	return &Store{Store: s, sql: s.SQL(pg.Key{}), reporter: r}
}
