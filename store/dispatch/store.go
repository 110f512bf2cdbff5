// Package dispatch joins the two halves of the store, importing and delivery, which do not know each other:
// what happens to an import becomes an event with the jobs of its notifications, in the transaction of the
// change, and a notification that is not delivered becomes a warning in the log of its import.
package dispatch

import (
	"context"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/store/internal/pg"
)

// Store is the store with both halves, for processes and tests that need both. It is safe for concurrent
// use.
type Store struct {
	*store.Store
	sql *pg.SQL
	// Imports announces through the notifier.
	Imports *importing.Store
	// Deliveries reports undelivered notifications in the logs of imports.
	Deliveries *delivery.Store
}

// Open opens a store, as store.Open does, and joins its halves.
func Open(ctx context.Context, cfg store.Config, n Notifier) (*Store, error) {
	s, err := store.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return New(s, n), nil
}

// New joins the halves of a store. The notifier creates the jobs of notifications about imports. It is
// required in processes that change the status of imports, such as workers; if it is nil, no notification
// is sent.
func New(s *store.Store, n Notifier) *Store {
	b := &bridge{notifier: n}
	return &Store{Store: s, sql: s.SQL(pg.Key{}), Imports: importing.New(s, b), Deliveries: delivery.New(s, b)}
}
