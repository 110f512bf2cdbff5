package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/store/db"
)

// AnnounceIn announces inside a transaction of the test's, as methods that change an
// import's status do inside theirs.
func (s *Store) AnnounceIn(ctx context.Context, tx pgx.Tx, importID int64, event, detail string) error {
	return s.announce(ctx, db.New(tx), importID, event, detail)
}

// ListJobsStatement is what ListJobs runs.
func ListJobsStatement(f JobFilter, p Page) (statement string, args []any) { return listJobs(f, p) }

// ListEventsStatement is what ListEvents runs.
func ListEventsStatement(f EventFilter, p Page) (statement string, args []any) {
	return listEvents(f, p)
}

// JobsNaming says how many jobs name a connection, where most bounds how many were looked at.
func JobsNaming(counts []db.ConnectionJobsRow, most int64) string { return jobsNaming(counts, most) }
