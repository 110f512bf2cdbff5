package importing

import (
	"context"
	"fmt"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// End is how an import ends.
type End struct {
	// Status is one of those for which Ended holds.
	Status string
	// Reason and Class say what went wrong; both are empty for an import that
	// completed.
	Reason, Class string
}

// Finish ends an import, releases its locks and announces it, all or nothing. An
// import that has ended so already stays as it is; the error is ErrConflict if it has
// ended otherwise. The imports that have got the locks are returned, to be woken.
func (s *Store) Finish(ctx context.Context, id int64, end End, limits LockLimits) ([]Woken, error) {
	var woken []Woken
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		if err := q.LockGrants(ctx); err != nil {
			return fmt.Errorf("lock the grants: %w", err)
		}
		n, err := q.FinishImport(ctx, db.FinishImportParams{
			ID: id, Status: end.Status, Reason: store.Plain(end.Reason), ErrorClass: store.Plain(end.Class),
		})
		if err == nil && n == 0 {
			imp, err := q.ImportByID(ctx, id)
			if err != nil || imp.Status == end.Status {
				return store.Found(err, "import %d", id)
			}
		}
		if err := changedOne(n, err, "end import %d as %s", id, end.Status); err != nil {
			return err
		}
		if woken, err = releaseLocks(ctx, q, id, limits); err != nil {
			return err
		}
		// The events of ends are called like the statuses.
		return s.Announce(ctx, q, id, end.Status, end.Reason)
	})
	return woken, err
}
