package store

import (
	"context"
	"fmt"

	"github.com/sluicehq/sluice/store/db"
)

// undelivered returns the jobs of the batch that are not loaded again by themselves and that
// notify of an import. Their imports are locked before any job is: a deletion locks in the same
// order.
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
		if _, err := q.LockImport(ctx, n.ImportID); err != nil && !noRows(err) {
			return nil, fmt.Errorf("lock import %d: %w", n.ImportID, err)
		}
	}
	return all, nil
}

// final says whether the job ends undelivered, or waits for a person.
func (o JobOutcome) final() bool {
	return o.State == JobDiscarded || o.State == JobUnknown && o.RetryAfter < 0
}

// warnOf writes to the logs of imports which notifications were not delivered. A line does not
// name a person.
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
