package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/store/internal/db"
)

// Retention selects the events to purge.
type Retention struct {
	// ReceivedBefore is the end of the time in which they were received. Required.
	ReceivedBefore time.Time
	// Sources and NotSources include and exclude events by source. Default to all sources.
	Sources, NotSources []string
	// States are the states of all jobs of the event and of its parts. Defaults to succeeded. An event
	// without jobs is always purged.
	States []string
}

// Purged counts purged rows.
type Purged struct{ Events, Jobs, Transitions int64 }

// PurgeCursor is the position of a purge, which goes from the oldest event to the newest. The zero value
// is the beginning.
type PurgeCursor struct {
	ReceivedAt time.Time `json:"received_at"`
	ID         string    `json:"id"`
}

// Add adds the rows of another step.
func (p Purged) Add(more Purged) Purged {
	return Purged{
		Events: p.Events + more.Events, Jobs: p.Jobs + more.Jobs, Transitions: p.Transitions + more.Transitions,
	}
}

// purgeStep is how many events, not counting parts, are purged in one transaction.
const purgeStep = 500

// EndedStates are the states in which a job ends unless an operator changes it. Events may be purged when
// all their jobs have one of them.
func EndedStates() []string { return []string{JobSucceeded, JobDiscarded, JobCancelled} }

// where returns the conditions of the events.
func (r Retention) where() (w where, err error) {
	if r.ReceivedBefore.IsZero() {
		return w, errors.New("purge events: want ReceivedBefore, the end of the time in which they were received")
	}
	states := r.States
	if len(states) == 0 {
		states = []string{JobSucceeded}
	}
	w.AddTime("e.received_at < $", r.ReceivedBefore)
	w.AddIn("e.source", r.Sources, r.NotSources)
	w.AddPlain("e.parent_event_id IS NULL")
	w.Add(`NOT EXISTS (SELECT 1 FROM events t JOIN jobs j ON j.event_id = t.id
		WHERE (t.id = e.id OR t.parent_event_id = e.id) AND j.state <> ALL ($::text[]))`, states)
	return w, nil
}

// Purge deletes the events that the rule selects, with their parts, jobs and history. An event is deleted
// as a whole. The transaction that deletes it evaluates the rule again, so that an event with a job that
// was just retried stays. With dryRun nothing is deleted, and Purged counts what would be.
func (s *Store) Purge(ctx context.Context, r Retention, dryRun bool) (p Purged, err error) {
	if dryRun {
		w, err := r.where()
		if err != nil {
			return Purged{}, err
		}
		return s.purgeable(ctx, w)
	}
	for after, done := (PurgeCursor{}), false; !done; {
		var step Purged
		step, after, done, err = s.PurgeStep(ctx, r, after)
		p = p.Add(step)
		if err != nil {
			return p, err
		}
	}
	return p, nil
}

// PurgeStep is one transaction of Purge: it deletes up to 500 events after the cursor and returns the
// cursor of the next step. done says that there are no more events.
func (s *Store) PurgeStep(
	ctx context.Context, r Retention, after PurgeCursor,
) (p Purged, next PurgeCursor, done bool, err error) {
	w, err := r.where()
	if err != nil {
		return Purged{}, after, false, err
	}
	p, next, done, err = s.purgeStep(ctx, w, after)
	if err != nil {
		return Purged{}, after, false, fmt.Errorf("purge events: %w", err)
	}
	return p, next, done, nil
}

const countPurgeable = `, tree AS (
		SELECT t.id FROM picked p JOIN events t ON t.id = p.id OR t.parent_event_id = p.id
	), own AS (SELECT j.id FROM tree t JOIN jobs j ON j.event_id = t.id)
	SELECT (SELECT count(*) FROM tree), (SELECT count(*) FROM own),
	       (SELECT count(*) FROM own o JOIN transitions t ON t.job_id = o.id)`

func (s *Store) purgeable(ctx context.Context, w where) (p Purged, err error) {
	statement := "WITH picked AS (SELECT e.id FROM events e" + w.String() + ")" + countPurgeable
	row := s.sql.Pool.QueryRow(ctx, statement, w.Args...)
	if err := row.Scan(&p.Events, &p.Jobs, &p.Transitions); err != nil {
		return Purged{}, fmt.Errorf("count what would be purged: %w", err)
	}
	return p, nil
}

// purgeStep purges events after the cursor.
func (s *Store) purgeStep(
	ctx context.Context, w where, after PurgeCursor,
) (p Purged, last PurgeCursor, done bool, err error) {
	if after.ID != "" {
		// In this order the index by time ends the scan at the first event that is too new.
		w.Args = append(w.Args, after.ReceivedAt, after.ID)
		w.AddPlain(fmt.Sprintf("(e.received_at, e.id) > ($%d, $%d)", len(w.Args)-1, len(w.Args)))
	}
	pick := "SELECT e.id, e.received_at FROM events e" + w.String() + " ORDER BY e.received_at, e.id" +
		w.Limited(purgeStep) + " FOR UPDATE OF e"
	err = s.sql.InPgxTx(ctx, func(tx pgx.Tx) error {
		if err := db.New(tx).AllowRetention(ctx); err != nil {
			return err
		}
		// The jobs are locked, then read again: one may have been retried in the meantime.
		rows, err := tx.Query(ctx, pick, w.Args...)
		if err != nil {
			return err
		}
		picked, err := pgx.CollectRows(rows, pgx.RowToStructByName[PurgeCursor])
		if err != nil || len(picked) == 0 {
			return err
		}
		last = picked[len(picked)-1]
		ids := convert.Slice(picked, func(e PurgeCursor) string { return e.ID })
		if _, err := tx.Exec(ctx, `SELECT j.id FROM jobs j WHERE j.event_id IN (
			SELECT t.id FROM events t WHERE t.id = ANY ($1::text[]) OR t.parent_event_id = ANY ($1::text[]))
			ORDER BY j.id FOR UPDATE`, ids); err != nil {
			return err
		}
		again := w.Clone(1)
		again.Add("e.id = ANY ($::text[])", ids)
		still := "SELECT e.id FROM events e" + again.String()
		row := tx.QueryRow(ctx, "WITH picked AS ("+still+")"+countPurgeable, again.Args...)
		if err := row.Scan(&p.Events, &p.Jobs, &p.Transitions); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "DELETE FROM events WHERE id IN ("+still+")", again.Args...)
		return err
	})
	if err != nil {
		return Purged{}, after, false, err
	}
	return p, last, last.ID == "", nil
}
