package store

import (
	"context"
	"fmt"

	"github.com/sluicehq/sluice/store/db"
)

// undelivered returns the notifications of imports among the jobs that end undelivered. It locks their
// imports before their jobs are locked, in the order of a deletion.
func (b *outcomeBatch) undelivered(ctx context.Context, q *db.Queries) ([]db.NotificationsOfRow, error) {
	var ids []string
	for id, o := range b.byJob {
		if o.final() {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	all, err := q.NotificationsOf(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("find the notifications among the jobs: %w", err)
	}
	for _, n := range all {
		if _, err := q.LockImport(ctx, n.ImportID); err != nil && !NoRows(err) {
			return nil, fmt.Errorf("lock import %d: %w", n.ImportID, err)
		}
	}
	return all, nil
}

// final reports whether the job ends undelivered or waits for an operator.
func (o JobOutcome) final() bool {
	return o.State == JobDiscarded || o.State == JobUnknown && o.RetryAfter < 0
}

// warnOf writes a warning for each undelivered notification to the log of its import. It names no
// recipient.
func (b *outcomeBatch) warnOf(
	ctx context.Context, q *db.Queries, all []db.NotificationsOfRow, recorded []string,
) error {
	done := make(map[string]bool, len(recorded))
	for _, id := range recorded {
		done[id] = true
	}
	for _, n := range all {
		if !done[n.ID] {
			continue
		}
		o := b.byJob[n.ID]
		line := fmt.Sprintf("Notification %s could not be delivered by %s through the connection %s: %s. "+
			"`sluice job retry %s` tries again.", n.Notification, n.Destination, n.Connection, o.Error, n.ID)
		if err := warn(ctx, q, n.ImportID, fmt.Sprintf("job %s ended at attempt %d", n.ID, o.Fence), line); err != nil {
			return err
		}
	}
	return nil
}
