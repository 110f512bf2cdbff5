// Package syncing is the part of the store that list sync has: syncs and their state, runs with their
// checkpoints, rejected records, and the budgets of accounts.
package syncing

import (
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
	"github.com/sluicehq/sluice/store/internal/pg"
)

// Store gives list sync access to the system of record. It is safe for concurrent use.
type Store struct {
	*store.Store
	sql *pg.SQL
}

// New returns list sync's view of a store.
func New(s *store.Store) *Store { return &Store{Store: s, sql: s.SQL(pg.Key{})} }

// Sync is a sync. Settings has those that are set, without defaults.
type Sync = db.Sync

// Run is a run of a sync.
type Run = db.SyncRun

// Known is what the last scan of a sync has found.
type Known = db.SyncKnown

// Reject is a record that is not delivered as it is.
type Reject = db.SyncReject

// Counts is the comparison of a full load with the counts of the source.
type Counts = db.SyncCount

// Held is a record that was delivered as opted in, and that the target holds as opted out.
type Held = db.SyncHeld

// Listed is a sync in a list.
type Listed struct {
	Sync
	// Rejects is the number of its rejected records.
	Rejects int64
	// LastRun is the id of its last run, 0 if there was none; the others are how that went.
	LastRun               int64
	LastStatus, LastError string
	// LastStopped means that its last run waits for a command.
	LastStopped bool
}

// Scan is the figures of the last scan of a sync.
type Scan = db.SyncScansOfRow

// PageRow is the checkpoint of a page.
type PageRow = db.ListSyncPagesRow

// Statuses of runs.
const (
	StatusRunning   = "running"
	StatusSucceeded = "succeeded"
	StatusFailed    = "failed"
	StatusCancelled = "cancelled"
)

// Statuses returns the statuses of runs.
func Statuses() []string {
	return []string{StatusRunning, StatusSucceeded, StatusFailed, StatusCancelled}
}

// RunKinds returns the kinds of runs.
func RunKinds() []string { return []string{KindFull, KindUpdate, KindFind} }

// Kinds of runs.
const (
	// KindFull is a full load.
	KindFull = "full"
	// KindUpdate reads what has changed.
	KindUpdate = "update"
	// KindFind searches a page of another run for the records that the target rejected later.
	KindFind = "find"
)
