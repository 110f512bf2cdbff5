package importing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// Schedule is the record of a schedule of imports. Temporal runs it.
type Schedule = db.Schedule

// NewSchedule is a schedule to be added.
type NewSchedule = db.InsertScheduleParams

// beginLong opens a transaction that waits for another system. The server ends it when nothing
// comes for 30 s.
const beginLong = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '30s'"

func (s *Store) inLongTx(ctx context.Context, fn func(q *db.Queries) error) error {
	options := pgx.TxOptions{BeginQuery: beginLong}
	return pgx.BeginTxFunc(ctx, s.sql.Pool, options, func(tx pgx.Tx) error { return fn(db.New(tx)) })
}

// Schedule returns the schedule of that name, also one that is being deleted, or ErrNotFound.
func (s *Store) Schedule(ctx context.Context, name string) (Schedule, error) {
	schedule, err := s.sql.Queries.ScheduleByName(ctx, name)
	return schedule, store.Found(err, "schedule %s", name)
}

// AddSchedule adds a schedule. The error is ErrTaken if there is one of that name.
func (s *Store) AddSchedule(ctx context.Context, n NewSchedule) error {
	n.Note = store.Plain(n.Note)
	return s.sql.InTx(ctx, func(q *db.Queries) error {
		added, err := q.InsertSchedule(ctx, n)
		if err != nil {
			return fmt.Errorf("add schedule %s: %w", n.Name, err)
		}
		if added == 0 {
			return fmt.Errorf("schedule %s: %w", n.Name, store.ErrTaken)
		}
		return nil
	})
}

// AdoptSchedule adds a schedule that another system has, unless there is one of that name; read
// reads it. The name is reserved while read runs, at most 30 s. An error of read is returned as
// it is, and nothing is added.
func (s *Store) AdoptSchedule(
	ctx context.Context, name string, read func() (NewSchedule, error),
) (adopted bool, err error) {
	err = s.inLongTx(ctx, func(q *db.Queries) error {
		added, err := q.InsertSchedule(ctx, NewSchedule{Name: name, Definition: []byte("{}"), CreatedAt: time.Now()})
		if err != nil || added == 0 {
			return err
		}
		n, err := read()
		if err != nil {
			return err
		}
		adopted = true
		return q.FillSchedule(ctx, db.FillScheduleParams{
			Name: name, Definition: n.Definition, Paused: n.Paused, Note: store.Plain(n.Note), CreatedAt: n.CreatedAt,
		})
	})
	return adopted && err == nil, err
}

// SetSchedulePaused sets whether a schedule is paused, and why. The error is ErrNotFound if the
// name is unknown or the schedule is being deleted.
func (s *Store) SetSchedulePaused(ctx context.Context, name string, paused bool, note string) error {
	params := db.SetSchedulePausedParams{Name: name, Paused: paused, Note: store.Plain(note)}
	return s.sql.InTx(ctx, func(q *db.Queries) error {
		changed, err := q.SetSchedulePaused(ctx, params)
		if err != nil {
			return fmt.Errorf("set whether schedule %s is paused: %w", name, err)
		}
		if changed == 0 {
			return fmt.Errorf("schedule %s: %w", name, store.ErrNotFound)
		}
		return nil
	})
}

// PauseFailingSchedule pauses a schedule. One that is paused keeps its note.
func (s *Store) PauseFailingSchedule(ctx context.Context, name, note string) error {
	if err := s.sql.Queries.PauseRunningSchedule(ctx, store.Plain(note), name); err != nil {
		return fmt.Errorf("pause schedule %s: %w", name, err)
	}
	return nil
}

// SyncSchedule calls apply with the schedule of that name, which is locked meanwhile: apply
// makes Temporal's schedule the same, within 30 s. If it has succeeded the row of a schedule
// that is being deleted is removed. Without such a schedule nothing happens.
func (s *Store) SyncSchedule(ctx context.Context, name string, apply func(Schedule) error) error {
	return s.inLongTx(ctx, func(q *db.Queries) error {
		schedule, err := q.LockSchedule(ctx, name)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err == nil {
			err = apply(schedule)
		}
		if err != nil {
			return err
		}
		return q.RemoveSchedule(ctx, name)
	})
}

// UncomparedSchedules claims up to limit schedules that were not compared with Temporal's for
// the interval, and returns their names. Another call within the interval returns others.
func (s *Store) UncomparedSchedules(ctx context.Context, interval time.Duration, limit int32) ([]string, error) {
	names, err := s.sql.Queries.ClaimUncomparedSchedules(ctx, interval.Seconds(), limit)
	if err != nil {
		return nil, fmt.Errorf("find schedules to compare with Temporal's: %w", err)
	}
	return names, nil
}

// ScheduleSite returns the domain of a schedule's site, or ErrNotFound if it is not one of the given sites; nil is all
// sites.
func (s *Store) ScheduleSite(ctx context.Context, name string, sites []string) (string, error) {
	site, err := s.sql.Queries.ScheduleSite(ctx, name, sites)
	return site, store.Found(err, "schedule %s", name)
}

// ScheduleFilter selects schedules. The zero value selects all.
type ScheduleFilter struct {
	// Sites are the domains of their sites; nil is all sites.
	Sites []string
	// Paused selects those that are paused, or the others; nil selects both.
	Paused *bool
	// Source is the name of their importer.
	Source string
	// Text is in their name, their site or their source, in upper or lower case.
	Text string
}

// ScheduleNames returns at most limit names of schedules behind a name that a filter selects, in order.
func (s *Store) ScheduleNames(ctx context.Context, f ScheduleFilter, after string, limit int32) ([]string, error) {
	names, err := s.sql.Queries.ScheduleNames(ctx, db.ScheduleNamesParams{
		After: after, Sites: f.Sites, Paused: f.Paused, Source: store.Plain(f.Source), Text: store.Plain(f.Text),
		RowLimit: limit,
	})
	if err != nil {
		return nil, fmt.Errorf("list schedules: %w", err)
	}
	return names, nil
}

// SetSchedule replaces the definition and the note of a schedule whose definition is still before. The error is
// ErrConflict if it is not.
func (s *Store) SetSchedule(ctx context.Context, name string, before, definition json.RawMessage, note string) error {
	changed, err := s.sql.Queries.SetSchedule(ctx, db.SetScheduleParams{
		Name: name, Definition: definition, Before: string(before), Note: store.Plain(note),
	})
	return changedOne(changed, err, "change schedule %s", name)
}
