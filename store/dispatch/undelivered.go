package dispatch

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/store/internal/db"
)

var _ delivery.Reporter = (*bridge)(nil)

// Undelivered reports undelivered notifications in the logs of their imports. It locks these imports before
// their jobs are locked, in the order of a deletion.
func (b *bridge) Undelivered(
	ctx context.Context, q *db.Queries, outcomes map[string]delivery.JobOutcome,
) (report func(recorded []string) error, err error) {
	all, err := q.NotificationsOf(ctx, slices.Collect(maps.Keys(outcomes)))
	if err != nil {
		return nil, fmt.Errorf("find the notifications among the jobs: %w", err)
	}
	for _, n := range all {
		if _, err := q.LockImport(ctx, n.ImportID); err != nil && !store.NoRows(err) {
			return nil, fmt.Errorf("lock import %d: %w", n.ImportID, err)
		}
	}
	return func(recorded []string) error { return warnOf(ctx, q, all, outcomes, recorded) }, nil
}

// warnOf writes a warning for each undelivered notification to the log of its import. It names no
// recipient.
func warnOf(
	ctx context.Context, q *db.Queries, all []db.NotificationsOfRow, outcomes map[string]delivery.JobOutcome,
	recorded []string,
) error {
	for _, n := range all {
		if !slices.Contains(recorded, n.ID) {
			continue
		}
		o := outcomes[n.ID]
		line := fmt.Sprintf("Notification %s could not be delivered by %s through the connection %s: %s. "+
			"`sluice job retry %s` tries again.", n.Notification, n.Destination, n.Connection, o.Error, n.ID)
		occasion := fmt.Sprintf("job %s ended at attempt %d", n.ID, o.FencingToken)
		if err := importing.Warn(ctx, q, n.ImportID, occasion, line); err != nil {
			return err
		}
	}
	return nil
}
