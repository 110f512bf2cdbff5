package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/store/internal/pg"
)

// ListedJob is a job without its payload.
type ListedJob struct {
	ID          string
	Destination string
	Action      string
	Version     string
	EventID     string
	ParentJobID *string
	ReplayOf    *string
	State       string
	Attempt     int32
	DueAt       *time.Time
	LastError   json.RawMessage
	CreatedAt   time.Time
	UpdatedAt   time.Time
	FinishedAt  *time.Time
}

// ListedEvent is an event without its payload.
type ListedEvent struct {
	ID             string
	Source         string
	Name           string
	Version        string
	ParentEventID  *string
	IdempotencyKey *string
	SentAt         *time.Time
	ReceivedAt     time.Time
	// Jobs is how many jobs the event has, without those of its parts.
	Jobs int64
}

const listedJob = `SELECT j.id, j.destination, j.action, j.version, j.event_id, j.parent_job_id, j.replay_of, j.state,
	j.attempt, j.due_at, j.last_error, j.created_at, j.updated_at, j.finished_at FROM jobs j`

const listedEvent = `SELECT e.id, e.source, e.name, e.version, e.parent_event_id, e.idempotency_key, e.sent_at,
	e.received_at, (SELECT count(*) FROM jobs k WHERE k.event_id = e.id) AS jobs FROM events e`

// ListJobs returns a page of jobs, newest first.
func (s *Store) ListJobs(ctx context.Context, f JobFilter, p Page) ([]ListedJob, error) {
	statement, args := listJobs(f, p)
	all, err := collect[ListedJob](ctx, s, statement, args)
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	return all, nil
}

func listJobs(f JobFilter, p Page) (statement string, args []any) {
	var w where
	w.jobs(f)
	w.AddText("j.id < $", p.Before)
	statement = listedJob + w.String() + " ORDER BY j.id DESC" + w.Limited(p.limit())
	return statement, w.Args
}

// ListEvents returns a page of events, newest first.
func (s *Store) ListEvents(ctx context.Context, f EventFilter, p Page) ([]ListedEvent, error) {
	statement, args := listEvents(f, p)
	all, err := collect[ListedEvent](ctx, s, statement, args)
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	return all, nil
}

func listEvents(f EventFilter, p Page) (statement string, args []any) {
	var w where
	w.events(f)
	w.AddText("e.id < $", p.Before)
	statement = listedEvent + w.String() + " ORDER BY e.id DESC" + w.Limited(p.limit())
	return statement, w.Args
}

// CountJobs counts the jobs that a filter selects. It reads all of them.
func (s *Store) CountJobs(ctx context.Context, f JobFilter) (n int64, err error) {
	var w where
	w.jobs(f)
	if err := s.sql.Pool.QueryRow(ctx, "SELECT count(*) FROM jobs j"+w.String(), w.Args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count jobs: %w", err)
	}
	return n, nil
}

// CountEvents counts the events that a filter selects. It reads all of them.
func (s *Store) CountEvents(ctx context.Context, f EventFilter) (n int64, err error) {
	var w where
	w.events(f)
	if err := s.sql.Pool.QueryRow(ctx, "SELECT count(*) FROM events e"+w.String(), w.Args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count events: %w", err)
	}
	return n, nil
}

// JobCount is how many jobs of an action are in a state.
type JobCount struct {
	Destination string
	Action      string
	State       string
	Jobs        int64
	// Due is how many of them are due, OldestDue since when the first one has been due.
	Due       int64
	OldestDue *time.Time
	// OldestCreated is when the oldest of them was created.
	OldestCreated time.Time
}

// JobStats counts the jobs that a filter selects, by destination, action and state.
func (s *Store) JobStats(ctx context.Context, f JobFilter) ([]JobCount, error) {
	var w where
	w.jobs(f)
	all, err := collect[JobCount](ctx, s, `SELECT j.destination, j.action, j.state, count(*) AS jobs,
		count(*) FILTER (WHERE j.due_at <= now()) AS due, min(j.due_at) FILTER (WHERE j.due_at <= now()) AS oldest_due,
		min(j.created_at) AS oldest_created FROM jobs j`+w.String()+` GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`, w.Args)
	if err != nil {
		return nil, fmt.Errorf("count jobs by state: %w", err)
	}
	return all, nil
}

// StateCount is how many jobs are in a state.
type StateCount struct {
	State string
	Jobs  int64
}

// CountStates counts the jobs that a filter selects by state, each state up to a maximum. It reads no more of them:
// with an index it takes no longer for a million of jobs. States without jobs are left out.
func (s *Store) CountStates(ctx context.Context, f JobFilter, most int32) ([]StateCount, error) {
	statement, args := countStates(f, most)
	all, err := collect[StateCount](ctx, s, statement, args)
	if err != nil {
		return nil, fmt.Errorf("count jobs by state: %w", err)
	}
	return slices.DeleteFunc(all, func(n StateCount) bool { return n.Jobs == 0 }), nil
}

func countStates(f JobFilter, most int32) (statement string, args []any) {
	var counts []string
	for _, state := range JobStates() {
		one := f
		one.States = []string{state}
		if len(f.States) > 0 && !slices.Contains(f.States, state) {
			continue
		}
		w := where{pg.Where{Args: args}}
		w.jobs(one)
		counts = append(counts, "SELECT '"+state+"' AS state, count(*) AS jobs FROM (SELECT 1 FROM jobs j"+w.String()+
			w.Limited(most)+") c")
		args = w.Args
	}
	if len(counts) == 0 {
		return "SELECT '' AS state, 0::bigint AS jobs", nil
	}
	return strings.Join(counts, " UNION ALL "), args
}

// HourCount is how many jobs of a destination that were created in an hour are in a state.
type HourCount struct {
	// Hour is the start of the hour, in UTC.
	Hour        time.Time
	Destination string
	State       string
	Jobs        int64
}

// JobsByHour counts the jobs that a filter selects by hour of creation, destination and state, newest
// hour first. The filter should bound the time.
func (s *Store) JobsByHour(ctx context.Context, f JobFilter) ([]HourCount, error) {
	var w where
	w.jobs(f)
	all, err := collect[HourCount](ctx, s, `SELECT date_trunc('hour', j.created_at, 'UTC') AS hour, j.destination, j.state,
		count(*) AS jobs FROM jobs j`+w.String()+` GROUP BY 1, 2, 3 ORDER BY 1 DESC, 2, 3`, w.Args)
	if err != nil {
		return nil, fmt.Errorf("count jobs by hour: %w", err)
	}
	return all, nil
}

// collect runs a query and returns its rows. It does not cache the plan: a plan for one filter may be bad
// for the next.
func collect[T any](ctx context.Context, s *Store, statement string, args []any) ([]T, error) {
	rows, err := s.sql.Pool.Query(ctx, statement, append([]any{pgx.QueryExecModeCacheDescribe}, args...)...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[T])
}
