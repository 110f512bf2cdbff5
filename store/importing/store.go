// Package importing is the part of the store that imports have: sites, imports with their parts, chunks and
// log, locks, reviews, schedules, and the recovery of workflows.
package importing

import (
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/pg"
)

// Store gives imports access to the system of record. It is safe for concurrent use.
type Store struct {
	*store.Store
	sql       *pg.SQL
	announcer Announcer
}

// New returns the imports' view of a store. Announcements reach listeners and, unless it is nil, the
// announcer. Package dispatch makes one whose announcer sends notifications.
func New(s *store.Store, a Announcer) *Store {
	return &Store{Store: s, sql: s.SQL(pg.Key{}), announcer: a}
}
