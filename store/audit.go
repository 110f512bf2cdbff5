package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/store/internal/db"
)

// AuditEntry is a change that is to be recorded in the audit. Who makes it, and how, is the context's actor.
type AuditEntry struct {
	// Operation is a noun and a verb, such as import.start: lower-case letters, underscores and dots, at most 100.
	Operation string
	// SubjectType is what is changed, such as import; SubjectID its ID or name, empty until it is known.
	SubjectType, SubjectID string
	// Site is the domain of the site, empty for what belongs to no site.
	Site string
	// Before and After are what the subject was and what it became, or the arguments of a command. They are stored as
	// JSON, without secrets, and are omitted beyond MaxAuditDocument. Nil is none.
	Before, After any
	// Ahead records the entry before the change: for a command to a workflow, which is no change in PostgreSQL.
	Ahead bool
}

// Record records an entry in the transaction of the change, and returns its ID.
func Record(ctx context.Context, q *db.Queries, e AuditEntry) (int64, error) {
	before, err := auditDocument(e.Before)
	if err != nil {
		return 0, fmt.Errorf("audit of %s, before: %w", e.Operation, err)
	}
	after, err := auditDocument(e.After)
	if err != nil {
		return 0, fmt.Errorf("audit of %s, after: %w", e.Operation, err)
	}
	actor := access.ActorFrom(ctx)
	id, err := q.AddAudit(ctx, db.AddAuditParams{
		Who: cut(actor.Name, 200), Kind: string(actor.Kind), Door: string(actor.Door), Address: cut(actor.Address, 64),
		RequestID: cut(actor.RequestID, 128), Operation: e.Operation, SubjectType: e.SubjectType,
		SubjectID: cut(e.SubjectID, 300), Site: cut(e.Site, 253), Before: before, After: after,
	})
	if err != nil {
		return 0, fmt.Errorf("record %s in the audit: %w", e.Operation, err)
	}
	return id, nil
}

// Audited makes a change and records it under the context's actor. The first transaction of the store that commits in
// the change's context records the entry; if there is none, it is recorded after the change. If the change fails after
// its entry was recorded, the entry has the error. Without an actor, the change is Sluice's own and is not recorded; a
// change within another one belongs to that one.
func (s *Store) Audited(ctx context.Context, e AuditEntry, change func(ctx context.Context) error) error {
	if _, within := ctx.Value(auditKey{}).(*pendingAudit); within || !access.Acting(ctx) {
		return change(ctx)
	}
	p := &pendingAudit{entry: e}
	ctx = context.WithValue(ctx, auditKey{}, p)
	if e.Ahead {
		if err := s.finishAudit(ctx); err != nil {
			return err
		}
	}
	failed := change(ctx)
	switch id := p.recorded(); {
	case failed == nil && id == 0:
		return s.finishAudit(ctx)
	case failed != nil && id != 0:
		return s.failAudit(ctx, id, failed)
	default:
		return failed
	}
}

// AuditedResult is Audited for a change with a result, which it also returns with an error.
func AuditedResult[T any](
	ctx context.Context, s *Store, e AuditEntry, change func(ctx context.Context) (T, error),
) (result T, err error) {
	err = s.Audited(ctx, e, func(ctx context.Context) error {
		result, err = change(ctx)
		return err
	})
	return result, err
}

// WithoutAudit returns the context for a part of an audited change that shares its transactions with other callers:
// they do not record the entry.
func WithoutAudit(ctx context.Context) context.Context {
	return context.WithValue(ctx, auditKey{}, nil)
}

// NoteChange says, within an audited change, what its subject was and what it became. Nil leaves what the entry has.
func NoteChange(ctx context.Context, before, after any) {
	noteAudit(ctx, func(e *AuditEntry) {
		if before != nil {
			e.Before = before
		}
		if after != nil {
			e.After = after
		}
	})
}

// NoteSubject says, within an audited change, the ID of its subject, which has been created, and its site.
func NoteSubject(ctx context.Context, id, site string) {
	noteAudit(ctx, func(e *AuditEntry) {
		e.SubjectID = id
		if site != "" {
			e.Site = site
		}
	})
}

// NoteUnchanged says, within an audited change, that a repeated request changes nothing: no entry is recorded.
func NoteUnchanged(ctx context.Context) {
	if p, ok := ctx.Value(auditKey{}).(*pendingAudit); ok {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.unchanged = true
	}
}

func noteAudit(ctx context.Context, note func(e *AuditEntry)) {
	if p, ok := ctx.Value(auditKey{}).(*pendingAudit); ok {
		p.mu.Lock()
		defer p.mu.Unlock()
		note(&p.entry)
	}
}

type auditKey struct{}

// pendingAudit is the entry of the change that a context is for.
type pendingAudit struct {
	mu    sync.Mutex
	entry AuditEntry
	// id is that of the recorded entry, 0 before.
	id int64
	// claimed: a transaction is about to record it.
	claimed bool
	// unchanged: there is nothing to record.
	unchanged bool
}

// claimAudit returns the context's entry for a transaction that records it, nil if there is none to record.
func claimAudit(ctx context.Context) *pendingAudit {
	p, ok := ctx.Value(auditKey{}).(*pendingAudit)
	if !ok {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.id != 0 || p.claimed || p.unchanged {
		return nil
	}
	p.claimed = true
	return p
}

// recorded returns the ID of the recorded entry, 0 if it is not recorded.
func (p *pendingAudit) recorded() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.id
}

// record records the entry in a transaction.
func (p *pendingAudit) record(ctx context.Context, q *db.Queries) (int64, error) {
	p.mu.Lock()
	e, unchanged := p.entry, p.unchanged
	p.mu.Unlock()
	if unchanged {
		return 0, nil
	}
	return Record(ctx, q, e)
}

// release ends a transaction, which recorded the entry under an ID unless it failed.
func (p *pendingAudit) release(id int64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claimed = false
	if err == nil {
		p.id = id
	}
}

// auditHook records the entry of the change that a context is for in a transaction.
func auditHook(ctx context.Context) (add func(ctx context.Context, q *db.Queries) error, done func(err error)) {
	pending := claimAudit(ctx)
	if pending == nil {
		return nil, nil
	}
	var id int64
	add = func(ctx context.Context, q *db.Queries) (err error) {
		id, err = pending.record(ctx, q)
		return err
	}
	return add, func(err error) { pending.release(id, err) }
}

// auditTimeout bounds a statement about a change that is made already.
const auditTimeout = 10 * time.Second

// finishAudit records the context's entry in a transaction of its own.
func (s *Store) finishAudit(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditTimeout)
	defer cancel()
	return s.sql.InTx(ctx, func(*db.Queries) error { return nil })
}

// failAudit notes the error of a change, and returns it.
func (s *Store) failAudit(ctx context.Context, id int64, failed error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditTimeout)
	defer cancel()
	if err := s.sql.Queries.FailAudit(ctx, cut(failed.Error(), 1000), id); err != nil {
		return fmt.Errorf("%w; the audit does not say so: %w", failed, err)
	}
	return failed
}
