package importing

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// AddFeedback appends a line to an import's log. The occasion names what it is
// about; a second line of the same occasion is dropped, so that an activity may
// be retried without repeating itself.
func (s *Store) AddFeedback(ctx context.Context, id int64, level, occasion, message string) error {
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		if _, err := q.LockImport(ctx, id); err != nil {
			return store.Found(err, "import %d", id)
		}
		return q.AddFeedback(ctx, db.AddFeedbackParams{
			ImportID: id, Level: level, Occasion: store.Plain(occasion), Message: store.Plain(message),
		})
	})
	if err != nil {
		return fmt.Errorf("add feedback: %w", err)
	}
	return nil
}

// PartLine is a line about a part of an import that other parts may have, too.
type PartLine struct {
	// Level is the line's level.
	Level string
	// Part is the part's label.
	Part string
	// Message is what the parts have in common. Lines with the same message are one.
	Message string
	// Rows is how many rows of the part it is about.
	Rows int64
	// Text words the line about so many parts, of which the first is named, and so many
	// rows in all.
	Text func(first string, parts int, rows int64) string
}

// AddPartFeedback appends a line about a part to an import's log, or adds the part to the
// line that says the same of others. A part counts once in a line.
func (s *Store) AddPartFeedback(ctx context.Context, id int64, l PartLine) error {
	sum := sha256.Sum256([]byte(l.Message))
	occasion := "parts/" + l.Level + "/" + hex.EncodeToString(sum[:8])
	part := store.Plain(l.Part)
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		if _, err := q.LockImport(ctx, id); err != nil {
			return store.Found(err, "import %d", id)
		}
		line, err := q.FeedbackOf(ctx, id, occasion)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return q.AddPartFeedback(ctx, db.AddPartFeedbackParams{
				ImportID: id, Level: l.Level, Occasion: occasion, Part: part, PartRows: l.Rows,
				Message: store.Plain(l.Text(part, 1, l.Rows)),
			})
		case err != nil || slices.Contains(line.Parts, part):
			return err
		}
		return q.RepeatFeedback(ctx, db.RepeatFeedbackParams{
			ImportID: id, Occasion: occasion, Part: part, PartRows: l.Rows,
			Message: store.Plain(l.Text(line.Parts[0], len(line.Parts)+1, line.Rows+l.Rows)),
		})
	})
	if err != nil {
		return fmt.Errorf("add feedback: %w", err)
	}
	return nil
}

// Warn writes a warning to the log of an import in the caller's transaction, unless the import is deleted.
// A second warning of the same occasion is dropped.
func Warn(ctx context.Context, q *db.Queries, id int64, occasion, message string) error {
	if _, err := q.LockImport(ctx, id); err != nil {
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return fmt.Errorf("lock import %d: %w", id, err)
	}
	p := db.AddFeedbackParams{
		ImportID: id, Level: LevelWarn, Occasion: store.Plain(occasion), Message: store.Plain(message),
	}
	if err := q.AddFeedback(ctx, p); err != nil {
		return fmt.Errorf("warn in the log of import %d: %w", id, err)
	}
	return nil
}

// LastFeedback returns the number of the last line of an import's log, 0 without one.
func (s *Store) LastFeedback(ctx context.Context, id int64) (int32, error) {
	seq, err := s.sql.Queries.LastFeedback(ctx, id)
	if err != nil {
		return 0, fmt.Errorf("read the last line of the log of import %d: %w", id, err)
	}
	return seq, nil
}
