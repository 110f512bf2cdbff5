package importing

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// ImportFields are the columns of an import to be created.
type ImportFields = db.CreateImportParams

// NewImport is an import to be created.
type NewImport struct {
	ImportFields
	// Dependencies are what it locks. None locks nothing.
	Dependencies []Dependency
	// MaxPerSite is how many imports the site may have, ended badly or unchanged ones
	// not counted. 0 is no limit.
	MaxPerSite int64
}

// CreateImport adds a queued import. Under an idempotency key that the site has
// seen before it returns the import of then, and created = false. The error is
// ErrMaxImports if the site has as many imports as it may.
func (s *Store) CreateImport(ctx context.Context, n NewImport) (imp Import, created bool, err error) {
	if n.Notify == nil {
		n.Notify = []string{}
	}
	err = s.sql.InTx(ctx, func(q *db.Queries) error {
		// Two at once must not both find room for one more.
		if err := q.LockSite(ctx, n.SiteID); err != nil {
			return fmt.Errorf("lock the site: %w", err)
		}
		if n.IdempotencyKey != nil {
			imp, err = q.ImportByIdempotencyKey(ctx, n.SiteID, *n.IdempotencyKey)
			if !errors.Is(err, pgx.ErrNoRows) {
				store.NoteUnchanged(ctx)
				return err
			}
		}
		if err := checkRoom(ctx, q, n); err != nil {
			return err
		}
		imp, err = q.CreateImport(ctx, n.ImportFields)
		if err != nil {
			return fmt.Errorf("create import: %w", err)
		}
		created = true
		store.NoteSubject(ctx, strconv.FormatInt(imp.ID, 10), "")
		for _, d := range n.Dependencies {
			err := q.AddDependency(ctx, db.AddDependencyParams{ImportID: imp.ID, Resource: d.Resource, Shared: d.Shared})
			if err != nil {
				return fmt.Errorf("add dependency %q: %w", d.Resource, err)
			}
		}
		return nil
	})
	if err != nil {
		return Import{}, false, err
	}
	return imp, created, nil
}

func checkRoom(ctx context.Context, q *db.Queries, n NewImport) error {
	if n.MaxPerSite == 0 {
		return nil
	}
	count, err := q.CountImports(ctx, n.SiteID)
	if err != nil {
		return fmt.Errorf("count the site's imports: %w", err)
	}
	if count >= n.MaxPerSite {
		return fmt.Errorf("the site has %d imports, and may have %d: %w", count, n.MaxPerSite, ErrMaxImports)
	}
	return nil
}
