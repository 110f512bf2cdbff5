package access

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	roles "github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// Entry is an entry of the audit.
type Entry struct {
	ID int64
	At time.Time
	// Who is the name of the actor, Kind what it is, Door how the change came in.
	Who, Kind, Door string
	// Address is that of the client, RequestID that of the HTTP request; empty where there is none.
	Address, RequestID string
	// Operation is a noun and a verb, such as import.start.
	Operation string
	// SubjectType and SubjectID are what was changed.
	SubjectType, SubjectID string
	// Site is a domain, empty for what belongs to no site.
	Site string
	// Before and After are the subject without secrets, nil for none.
	Before, After json.RawMessage
	// Error is why the change has failed, or has failed in part.
	Error string
}

// AuditFilter selects entries that match all fields that are set. The zero value selects all entries.
type AuditFilter struct {
	// Site is a domain, Who the name of an actor, Operation a noun and a verb, such as import.start.
	Site, Who, Operation string
	// SubjectType and SubjectID are what was changed.
	SubjectType, SubjectID string
	// Since (inclusive) and Until (exclusive) bound the time.
	Since, Until time.Time
}

// Page is a page of a listing from the newest entry to the oldest.
type Page struct {
	// Before is the ID of the last entry of the previous page. Defaults to the first page.
	Before int64
	// Limit is the number of entries, at most MaxPage. Defaults to 100.
	Limit int32
}

// MaxPage is the maximum number of entries of a page.
const MaxPage = 1000

// Audit returns a page of the audit, newest first.
func (s *Store) Audit(ctx context.Context, f AuditFilter, p Page) ([]Entry, error) {
	statement, args := listAudit(f, p)
	rows, err := s.sql.Pool.Query(ctx, statement, args...)
	if err != nil {
		return nil, fmt.Errorf("list the audit: %w", err)
	}
	entries, err := pgx.CollectRows(rows, pgx.RowToStructByName[Entry])
	if err != nil {
		return nil, fmt.Errorf("list the audit: %w", err)
	}
	return entries, nil
}

// listAudit returns the statement of a page. Each filter has its own statement, so that PostgreSQL can choose an index.
// Values are parameters.
func listAudit(f AuditFilter, p Page) (statement string, args []any) {
	var conditions []string
	add := func(set bool, condition string, value any) {
		if set {
			args = append(args, value)
			conditions = append(conditions, condition+" $"+strconv.Itoa(len(args)))
		}
	}
	add(f.Site != "", "site <> '' AND site =", f.Site)
	add(f.Who != "", "who =", f.Who)
	add(f.Operation != "", "operation =", f.Operation)
	add(f.SubjectType != "", "subject_type =", f.SubjectType)
	add(f.SubjectID != "", "subject_id =", f.SubjectID)
	add(!f.Since.IsZero(), "at >=", f.Since)
	add(!f.Until.IsZero(), "at <", f.Until)
	add(p.Before > 0, "id <", p.Before)
	statement = "SELECT * FROM audit"
	if len(conditions) > 0 {
		statement += " WHERE " + strings.Join(conditions, " AND ")
	}
	limit := min(p.Limit, MaxPage)
	if limit <= 0 {
		limit = 100
	}
	args = append(args, limit)
	return statement + " ORDER BY id DESC LIMIT $" + strconv.Itoa(len(args)), args
}

// RecordOnce records an entry in a transaction of its own, unless the audit has it of the same request of the actor.
func (s *Store) RecordOnce(ctx context.Context, e store.AuditEntry) error {
	return s.sql.InTx(ctx, func(q *db.Queries) error {
		recorded, err := q.HasAudit(ctx, db.HasAuditParams{
			SubjectType: e.SubjectType, SubjectID: e.SubjectID, Operation: e.Operation,
			RequestID: roles.ActorFrom(ctx).RequestID,
		})
		if err == nil && !recorded {
			_, err = store.Record(ctx, q, e)
		}
		return err
	})
}

// purgeStep bounds the entries that a transaction purges.
const purgeStep = 5000

// PurgeAudit removes entries older than an age, and returns how many. Several processes may do so at once.
func (s *Store) PurgeAudit(ctx context.Context, age time.Duration) (removed int64, err error) {
	for {
		n, err := s.sql.Queries.PurgeAudit(ctx, seconds(age), purgeStep)
		if err != nil {
			return removed, fmt.Errorf("purge the audit: %w", err)
		}
		if removed += n; n < purgeStep {
			return removed, nil
		}
	}
}
