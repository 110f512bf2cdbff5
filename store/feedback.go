package store

import (
	"context"
	"fmt"

	"github.com/sluicehq/sluice/store/db"
)

// AddFeedback appends a line to an import's log. The occasion names what it is
// about; a second line of the same occasion is dropped, so that an activity may
// be retried without repeating itself.
func (s *Store) AddFeedback(ctx context.Context, id int64, level, occasion, message string) error {
	err := s.inTx(ctx, func(q *db.Queries) error {
		if _, err := q.LockImport(ctx, id); err != nil {
			return found(err, "import %d", id)
		}
		return q.AddFeedback(ctx, db.AddFeedbackParams{
			ImportID: id, Level: level, Occasion: plain(occasion), Message: plain(message),
		})
	})
	if err != nil {
		return fmt.Errorf("add feedback: %w", err)
	}
	return nil
}
