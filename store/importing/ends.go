package importing

import (
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/store/internal/db"
)

// AnnouncedEnd is the end of an import.
type AnnouncedEnd = db.EndsSinceRow

// AnnouncedEnds returns the ends of imports since a moment of the database's clock, oldest
// first: of one import unless importID is 0.
func (s *Store) AnnouncedEnds(ctx context.Context, since time.Time, importID int64) ([]AnnouncedEnd, error) {
	var one *int64
	if importID != 0 {
		one = &importID
	}
	ends, err := s.sql.Queries.EndsSince(ctx, since, one)
	if err != nil {
		return nil, fmt.Errorf("read the ends of imports: %w", err)
	}
	return ends, nil
}
