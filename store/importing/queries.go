package importing

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sluicehq/sluice/store/internal/db"
)

// What the queries below take and return.
type (
	// FeedbackQuery selects lines of an import's log.
	FeedbackQuery = db.ListFeedbackParams
	// ReviewQuery selects reviews.
	ReviewQuery = db.ListReviewsParams
	// ExpectedRows is how many rows a table must hold for an import.
	ExpectedRows = db.ExpectedRowsRow
	// UnstartedImport is an import whose workflow was not started.
	UnstartedImport = db.UnstartedImportsRow
)

// Claims returns the days that each other import of the site has brought in, or has
// claimed, by table. An import that is being deleted keeps them until its rows are hidden.
func (s *Store) Claims(ctx context.Context, siteID, exceptID int64) ([]DayClaim, error) {
	return s.sql.Queries.Claims(ctx, siteID, exceptID)
}

// CountActive returns how many imports of a site are under way.
func (s *Store) CountActive(ctx context.Context, siteID int64) (int64, error) {
	return s.sql.Queries.CountActive(ctx, siteID)
}

// CountFaulty returns how many imports have a workflow whose task fails.
func (s *Store) CountFaulty(ctx context.Context) (int64, error) {
	return s.sql.Queries.CountFaulty(ctx)
}

// DeleteImport removes an import that is marked for deletion, with its parts,
// chunks and feedback.
func (s *Store) DeleteImport(ctx context.Context, id int64) (int64, error) {
	return s.sql.Queries.DeleteImport(ctx, id)
}

// EndedImports returns the imports of a site that can be deleted.
func (s *Store) EndedImports(ctx context.Context, siteID int64) ([]int64, error) {
	return s.sql.Queries.EndedImports(ctx, siteID)
}

// ExpectedRows returns how many rows each table must hold for an import: none where
// all parts were skipped.
func (s *Store) ExpectedRows(ctx context.Context, importID int64) ([]ExpectedRows, error) {
	return s.sql.Queries.ExpectedRows(ctx, importID)
}

// ForgetRecovery lets the next recovery of an import begin at once: this one did not.
func (s *Store) ForgetRecovery(ctx context.Context, id int64) error {
	return s.sql.Queries.ForgetRecovery(ctx, id)
}

// ListChunks returns the recorded chunks of a part in order.
func (s *Store) ListChunks(ctx context.Context, importID int64, partNo int32) ([]Chunk, error) {
	return s.sql.Queries.ListChunks(ctx, importID, partNo)
}

// ListFeedback returns the lines of an import's log behind a sequence number.
func (s *Store) ListFeedback(ctx context.Context, q FeedbackQuery) ([]Feedback, error) {
	return s.sql.Queries.ListFeedback(ctx, q)
}

// ListLocks returns a page of the holders and waiters of each resource, in order.
func (s *Store) ListLocks(ctx context.Context, q LockQuery) ([]Lock, error) {
	return s.sql.Queries.ListLocks(ctx, q)
}

// ListParts returns the parts of an import in order.
func (s *Store) ListParts(ctx context.Context, importID int64) ([]Part, error) {
	return s.sql.Queries.ListParts(ctx, importID)
}

// PartsAfter returns at most limit of the parts of an import behind a number, in order: those of some statuses, or all
// without any.
func (s *Store) PartsAfter(
	ctx context.Context, importID int64, after, limit int32, statuses ...string,
) ([]Part, error) {
	parts, err := s.sql.Queries.PartsAfter(ctx, db.PartsAfterParams{
		ImportID: importID, AfterNo: after, RowLimit: limit, Statuses: statuses,
	})
	if err != nil {
		return nil, fmt.Errorf("list the parts of import %d: %w", importID, err)
	}
	return parts, nil
}

// PartsByStatus returns the numbers of the parts of an import by their status, empty before it is planned.
func (s *Store) PartsByStatus(ctx context.Context, importID int64) (map[string]int, error) {
	rows, err := s.sql.Queries.PartsByStatus(ctx, importID)
	if err != nil {
		return nil, fmt.Errorf("count the parts of import %d: %w", importID, err)
	}
	counts := make(map[string]int, len(rows))
	for _, row := range rows {
		counts[row.Status] = int(row.Parts)
	}
	return counts, nil
}

// ListReviews returns reviews with their imports, the oldest first: those that wait
// for a decision, or all.
func (s *Store) ListReviews(ctx context.Context, q ReviewQuery) ([]ReviewSummary, error) {
	return s.sql.Queries.ListReviews(ctx, q)
}

// ListSchedules returns all schedules, also those that are being deleted.
func (s *Store) ListSchedules(ctx context.Context) ([]Schedule, error) {
	return s.sql.Queries.ListSchedules(ctx)
}

// SiteFilter selects sites. The zero value selects all.
type SiteFilter struct {
	// Domains are those of the sites; nil for all.
	Domains []string
	// Text is in the domain, in upper or lower case.
	Text string
}

// ListSites returns up to limit sites that a filter selects after a domain, in order of their domains. The limit 0 is
// none.
func (s *Store) ListSites(ctx context.Context, f SiteFilter, after string, limit int) ([]Site, error) {
	p := db.ListSitesParams{Domains: f.Domains, After: after, Text: strings.ToLower(strings.TrimSpace(f.Text))}
	if limit > 0 {
		p.RowLimit = new(int64(limit))
	}
	return s.sql.Queries.ListSites(ctx, p)
}

// MarkChecked notes that before_start has found that the import can work.
func (s *Store) MarkChecked(ctx context.Context, id int64) error {
	return s.sql.Queries.MarkChecked(ctx, id)
}

// MarkScheduleDeleted records that a schedule is to be deleted.
func (s *Store) MarkScheduleDeleted(ctx context.Context, name string) error {
	return s.sql.InTx(ctx, func(q *db.Queries) error { return q.MarkScheduleDeleted(ctx, name) })
}

// PartByNo returns a part.
func (s *Store) PartByNo(ctx context.Context, importID int64, no int32) (Part, error) {
	return s.sql.Queries.PartByNo(ctx, importID, no)
}

// ReleaseDays gives up the days of an import whose rows are hidden.
func (s *Store) ReleaseDays(ctx context.Context, id int64) error {
	return s.sql.Queries.ReleaseDays(ctx, id)
}

// ReviewOf returns the last review of an import.
func (s *Store) ReviewOf(ctx context.Context, importID int64) (Review, error) {
	return s.sql.Queries.ReviewOf(ctx, importID)
}

// SetRate notes how many rows a second an import may load.
func (s *Store) SetRate(ctx context.Context, id, rate int64) error {
	return s.sql.Queries.SetRate(ctx, id, rate)
}

// SiteByID returns the site of that number.
func (s *Store) SiteByID(ctx context.Context, id int64) (Site, error) {
	return s.sql.Queries.SiteByID(ctx, id)
}

// UnstartedImports returns imports whose workflow was not started within the
// given time: their starter died between the two.
func (s *Store) UnstartedImports(ctx context.Context, createdBefore time.Time) ([]UnstartedImport, error) {
	return s.sql.Queries.UnstartedImports(ctx, createdBefore)
}
