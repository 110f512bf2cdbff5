package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// Order says who changes jobs or connections, and why.
type Order struct {
	// By names the person. Required: the jobs' history has it.
	By string
	// Reason is why.
	Reason string
}

func (o Order) note(done string) json.RawMessage {
	message := done
	if o.Reason != "" {
		message += ": " + o.Reason
	}
	return JobError{Message: message, By: o.By}.encode()
}

// move is a change of state by an operator.
type move struct {
	// done is the message in the history.
	done string
	from []string
	to   string
	// set changes further columns.
	set string
}

var (
	// A retried job starts with its first attempt.
	moveRetry = move{
		"retried",
		[]string{JobAcknowledged, JobFailed, JobUnknown, JobDiscarded, JobCancelled},
		JobAwaiting,
		"due_at = now(), attempt = 0, finished_at = NULL",
	}
	moveCancel = move{
		"cancelled",
		[]string{JobAcknowledged, JobAwaiting, JobFailed, JobUnknown, JobHeld},
		JobCancelled,
		"due_at = NULL, finished_at = now()",
	}
	moveHold = move{
		"held", []string{JobAcknowledged, JobAwaiting, JobFailed, JobUnknown}, JobHeld, "due_at = NULL",
	}
	moveRelease = move{"released", []string{JobHeld}, JobAwaiting, "due_at = now()"}
	moveArrived = move{
		"found to have arrived", []string{JobUnknown}, JobSucceeded, "due_at = NULL, finished_at = now()",
	}
	moveLost = move{"discarded", []string{JobUnknown}, JobDiscarded, "due_at = NULL, finished_at = now()"}
)

// JobCommand is a command of an operator to the jobs that a filter selects. Jobs in other states than it applies to do
// not change.
type JobCommand string

// The commands to jobs.
const (
	// CommandRetry retries acknowledged, failed, unknown, discarded and cancelled jobs now, and resets their attempts.
	CommandRetry JobCommand = "retry"
	// CommandCancel cancels acknowledged, awaiting, failed, unknown and held jobs.
	CommandCancel JobCommand = "cancel"
	// CommandHold holds acknowledged, awaiting, failed and unknown jobs.
	CommandHold JobCommand = "hold"
	// CommandRelease makes held jobs due now.
	CommandRelease JobCommand = "release"
	// CommandSucceed resolves unknown jobs as succeeded, for an operator who has checked that they have arrived.
	CommandSucceed JobCommand = "resolve-succeeded"
	// CommandDiscard resolves unknown jobs as discarded.
	CommandDiscard JobCommand = "resolve-discarded"
)

var moves = map[JobCommand]move{
	CommandRetry: moveRetry, CommandCancel: moveCancel, CommandHold: moveHold, CommandRelease: moveRelease,
	CommandSucceed: moveArrived, CommandDiscard: moveLost,
}

// JobCommands returns the commands to jobs.
func JobCommands() []JobCommand {
	return []JobCommand{CommandRetry, CommandCancel, CommandHold, CommandRelease, CommandSucceed, CommandDiscard}
}

// CommandsFor returns the commands that apply to jobs in a state.
func CommandsFor(state string) []JobCommand {
	return slices.DeleteFunc(JobCommands(), func(c JobCommand) bool { return !slices.Contains(moves[c].from, state) })
}

// Editable reports whether EditAndRetry accepts a job in a state.
func Editable(state string) bool { return state != JobExecuting && state != JobSucceeded }

// MakesDue reports whether the command makes jobs due.
func (c JobCommand) MakesDue() bool { return c == CommandRetry || c == CommandRelease }

// CountChanges counts the jobs that ChangeJobs would change.
func (s *Store) CountChanges(ctx context.Context, c JobCommand, f JobFilter) (n int64, err error) {
	m, ok := moves[c]
	if !ok {
		return 0, fmt.Errorf("%q is no command to jobs: want one of %q", c, JobCommands())
	}
	w := m.jobs(f)
	if err := s.sql.Pool.QueryRow(ctx, "SELECT count(*) FROM jobs j"+w.String(), w.Args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the jobs to %s: %w", c, err)
	}
	return n, nil
}

// controlStep is how many jobs are changed in one transaction.
const controlStep = 1000

// ChangeJobs changes the jobs that a filter selects, oldest first, and returns their number. It changes at most that
// many, all with 0. It works in steps that keep transactions short: after an error the jobs of earlier steps stay
// changed, and are counted. It waits for jobs that another transaction is changing.
func (s *Store) ChangeJobs(
	ctx context.Context, c JobCommand, f JobFilter, most int64, o Order,
) (changed int64, err error) {
	m, ok := moves[c]
	if !ok {
		return 0, fmt.Errorf("%q is no command to jobs: want one of %q", c, JobCommands())
	}
	entry := jobEntry(strings.ReplaceAll(string(c), "-", "_"), f, o)
	// It has several transactions.
	entry.Ahead = true
	err = s.Audited(ctx, entry, func(ctx context.Context) error {
		changed, err = s.moveJobs(ctx, m, f, most, o)
		return err
	})
	return changed, err
}

// jobEntry is the audit's entry of a command to the jobs that a filter selects.
func jobEntry(verb string, f JobFilter, o Order) store.AuditEntry {
	e := store.AuditEntry{
		Operation: "job." + verb, SubjectType: "job", After: map[string]any{"filter": f, "by": o.By, "reason": o.Reason},
	}
	if len(f.IDs) == 1 {
		e.SubjectID = f.IDs[0]
	}
	return e
}

func (s *Store) moveJobs(ctx context.Context, m move, f JobFilter, most int64, o Order) (changed int64, err error) {
	for after := ""; ; {
		step := int64(controlStep)
		if most > 0 {
			step = min(step, most-changed)
		}
		if step == 0 {
			return changed, nil
		}
		ids, err := s.moveStep(ctx, m, f, after, int32(step), o)
		if err != nil {
			return changed, fmt.Errorf("change the state of jobs to %s: %w", m.to, err)
		}
		changed += int64(len(ids))
		if len(ids) == 0 {
			return changed, nil
		}
		for _, id := range ids {
			after = max(after, id)
		}
	}
}

// jobs returns the conditions of the jobs of a filter that a move applies to.
func (m move) jobs(f JobFilter) where {
	var w where
	w.jobs(f)
	w.AddIn("j.state", m.from, nil)
	return w
}

// moveStep changes the state of up to limit jobs after an ID, and returns their IDs.
func (s *Store) moveStep(
	ctx context.Context, m move, f JobFilter, after string, limit int32, o Order,
) ([]string, error) {
	w := m.jobs(f)
	w.AddText("j.id > $", after)
	picked := "SELECT j.id FROM jobs j" + w.String() + " ORDER BY j.id" + w.Limited(limit) + " FOR UPDATE"
	w.Args = append(w.Args, m.to, o.note(m.done))
	statement := fmt.Sprintf(`WITH picked AS MATERIALIZED (%s)
		UPDATE jobs j SET state = $%d, last_error = $%d::jsonb, updated_at = now(), %s
		FROM picked WHERE j.id = picked.id RETURNING j.id`, picked, len(w.Args)-1, len(w.Args), m.set)
	rows, err := s.sql.Pool.Query(ctx, statement, append([]any{pgx.QueryExecModeCacheDescribe}, w.Args...)...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// EditAndRetry replaces the payload of a job that is neither executing nor succeeded, retries it now and
// resets its attempts. The previous payload is kept. A nil context or data is not changed. The error is
// ErrNotFound, ErrPayload, or ErrConflict if the job is in another state.
func (s *Store) EditAndRetry(ctx context.Context, id string, jobContext, data json.RawMessage, o Order) error {
	return s.Audited(ctx, jobEntry("edit", JobFilter{IDs: []string{id}}, o), func(ctx context.Context) error {
		return s.editAndRetry(ctx, id, jobContext, data, o)
	})
}

func (s *Store) editAndRetry(ctx context.Context, id string, jobContext, data json.RawMessage, o Order) error {
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		jobs, err := q.LockJobs(ctx, []string{id})
		if err == nil && len(jobs) == 0 {
			err = store.ErrNotFound
		}
		if err != nil {
			return err
		}
		job := jobs[0]
		if !Editable(job.State) {
			return fmt.Errorf("it is %s: %w", job.State, store.ErrConflict)
		}
		var faults [2]error
		if jobContext != nil {
			job.Context, faults[0] = payload("context", jobContext)
		}
		if data != nil {
			job.Data, faults[1] = payload("data", data)
		}
		if err := errors.Join(faults[:]...); err != nil {
			return err
		}
		if err := q.AddEdit(ctx, o.By, id); err != nil {
			return err
		}
		if err := q.EditJob(ctx, db.EditJobParams{ID: id, Context: job.Context, Data: job.Data}); err != nil {
			return err
		}
		return q.RequeueJob(ctx, o.note("edited and retried"), id)
	})
	if err != nil {
		return fmt.Errorf("edit job %s: %w", id, asPayload(err))
	}
	return nil
}

// ReplayJobs adds new jobs for a page of jobs that the filter selects, in any state. The old jobs do not
// change. It returns the IDs of the new jobs and the start of the next page, "" if there is none. The
// caller passes it as Page.Before, so that no new job is replayed.
func (s *Store) ReplayJobs(ctx context.Context, f JobFilter, p Page, o Order) (ids []string, next string, err error) {
	jobs, err := s.ListJobs(ctx, f, p)
	if err != nil {
		return nil, "", err
	}
	err = s.Audited(ctx, jobEntry("replay", f, o), func(ctx context.Context) error {
		ids, err = s.replayJobs(ctx, jobs, o)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if len(jobs) == int(p.limit()) {
		next = jobs[len(jobs)-1].ID
	}
	return ids, next, nil
}

func (s *Store) replayJobs(ctx context.Context, jobs []ListedJob, o Order) (ids []string, err error) {
	err = s.sql.InTx(ctx, func(q *db.Queries) error {
		for _, job := range jobs {
			id, err := store.NewID()
			if err != nil {
				return err
			}
			n, err := q.ReplayJob(ctx, db.ReplayJobParams{ID: job.ID, NewID: id, Reason: o.note("replayed")})
			if err != nil {
				return fmt.Errorf("replay job %s: %w", job.ID, err)
			}
			if n == 0 {
				// Retention has purged it in the meantime.
				continue
			}
			ids = append(ids, id)
		}
		return nil
	})
	return ids, err
}
