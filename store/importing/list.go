package importing

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/store/internal/pg"
)

// Listing says which imports to list; what is empty is no condition.
type Listing struct {
	// Site is a domain, Source the name of an importer, By who has started it.
	Site, Source, By string
	// Sites are the domains of the sites that the caller may see; nil is all sites, an empty list none.
	Sites []string
	// Statuses are some of the statuses.
	Statuses []string
	// BeforeID lists only imports before that number.
	BeforeID int64
	// IDs are the numbers of some imports.
	IDs []int64
	// ActiveSince lists only imports that had not ended at that time.
	ActiveSince *time.Time
	// Limit is how many at most. Required.
	Limit int32
}

// statement returns the query of the numbers of the imports, newest first.
func (l Listing) statement() (statement string, args []any) {
	var w pg.Where
	w.AddText("i.site_id = (SELECT s.id FROM sites s WHERE s.domain = $)", l.Site)
	switch {
	case l.Sites == nil:
	case len(l.Sites) == 1:
		// With an equality the index also provides the order.
		w.Add("i.site_id = (SELECT s.id FROM sites s WHERE s.domain = $)", l.Sites[0])
	default:
		w.Add("i.site_id IN (SELECT s.id FROM sites s WHERE s.domain = ANY ($::text[]))", l.Sites)
	}
	w.AddText("i.source = $", l.Source)
	w.AddText("i.requested_by = $", l.By)
	w.AddIn("i.status", l.Statuses, nil)
	if l.BeforeID != 0 {
		w.Add("i.id < $", l.BeforeID)
	}
	if len(l.IDs) > 0 {
		w.Add("i.id = ANY ($::bigint[])", l.IDs)
	}
	if l.ActiveSince != nil {
		w.Add("(i.finished_at IS NULL OR i.finished_at >= $)", *l.ActiveSince)
	}
	statement = "SELECT i.id FROM imports i" + w.String() + " ORDER BY i.id DESC" + w.Limited(l.Limit)
	return statement, w.Args
}

// IDs returns the numbers of imports, newest first.
func (s *Store) IDs(ctx context.Context, l Listing) ([]int64, error) {
	statement, args := l.statement()
	// The plan is not cached: one for a frequent status is bad for a rare one.
	rows, err := s.sql.Pool.Query(ctx, statement, append([]any{pgx.QueryExecModeCacheDescribe}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("list imports: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("list imports: %w", err)
	}
	return ids, nil
}

// Summaries returns imports, newest first. Their field Data is nil.
func (s *Store) Summaries(ctx context.Context, l Listing) ([]Summary, error) {
	ids, err := s.IDs(ctx, l)
	if err != nil || len(ids) == 0 {
		return []Summary{}, err
	}
	// Sums are read of the listed imports alone.
	summaries, err := s.sql.Queries.ImportSummaries(ctx, false, ids)
	if err != nil {
		return nil, fmt.Errorf("list imports: %w", err)
	}
	return summaries, nil
}
