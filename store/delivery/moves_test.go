package delivery_test

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store/delivery"
)

// moves are the legal moves of a job's state.
var moves = map[string][]string{
	delivery.JobAcknowledged: {delivery.JobAwaiting, delivery.JobExecuting, delivery.JobCancelled, delivery.JobHeld},
	delivery.JobAwaiting:     {delivery.JobExecuting, delivery.JobCancelled, delivery.JobHeld},
	delivery.JobExecuting:    {delivery.JobAwaiting, delivery.JobSucceeded, delivery.JobFailed, delivery.JobDiscarded, delivery.JobUnknown},
	delivery.JobSucceeded:    {},
	delivery.JobFailed:       {delivery.JobAwaiting, delivery.JobExecuting, delivery.JobCancelled, delivery.JobHeld},
	delivery.JobDiscarded:    {delivery.JobAwaiting},
	delivery.JobUnknown: {
		delivery.JobAwaiting, delivery.JobExecuting, delivery.JobSucceeded, delivery.JobDiscarded, delivery.JobCancelled, delivery.JobHeld,
	},
	delivery.JobCancelled: {delivery.JobAwaiting},
	delivery.JobHeld:      {delivery.JobAwaiting, delivery.JobCancelled},
}

// TestMoves: the database allows only the legal transitions of a job, for every writer; each is a
// line of its history.
func TestMoves(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Len(t, moves, len(delivery.JobStates()))
	for _, from := range delivery.JobStates() {
		for _, to := range delivery.JobStates() {
			if from == to {
				continue
			}
			id := b.addJobs(t, 1)[0]
			b.force(t, id, from)
			before := b.history(t, id)
			require.Equal(t, from, before[len(before)-1])
			_, err := b.sql.Exec(b.ctx, moveTo, to, id)
			if slices.Contains(moves[from], to) {
				require.NoError(t, err, "%s -> %s", from, to)
				require.Equal(t, append(before, to), b.history(t, id))
				continue
			}
			var pgErr *pgconn.PgError
			require.ErrorAs(t, err, &pgErr, "%s -> %s", from, to)
			require.Equal(t, "transitions_legal", pgErr.ConstraintName, "%s -> %s", from, to)
			require.Equal(t, before, b.history(t, id))
		}
	}
}

// A job begins as acknowledged, and with nothing else.
func TestFirstState(t *testing.T) {
	t.Parallel()
	b := setup(t)
	added, err := b.AddEvent(b.ctx, newEvent("", 0))
	require.NoError(t, err)
	for _, state := range delivery.JobStates() {
		_, err := b.sql.Exec(b.ctx, `INSERT INTO jobs (id, destination, action, event_id, state, lease_expires_at, due_at, finished_at)
			SELECT $1, 'crm', 'upsert', $2, $1, CASE WHEN $1 = 'executing' THEN now() END,
			CASE WHEN $1 IN ('acknowledged', 'awaiting', 'failed') THEN now() END,
			CASE WHEN $1 IN ('succeeded', 'discarded', 'cancelled') THEN now() END`, state, added.Event.ID)
		if state == delivery.JobAcknowledged {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, "transitions_legal", state)
		}
	}
	_, err = b.sql.Exec(b.ctx, "UPDATE jobs SET state = 'lost'")
	require.ErrorContains(t, err, `the state is "lost", which there is not`)
}

// The database writes the history and refuses every change of it.
func TestTransitionsAreAppendOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.addJobs(t, 1)[0]
	for _, statement := range []string{
		"UPDATE transitions SET attempt = 7", "DELETE FROM transitions", "TRUNCATE transitions", "TRUNCATE jobs CASCADE",
		"DELETE FROM jobs", "DELETE FROM events",
	} {
		_, err := b.sql.Exec(b.ctx, statement)
		require.ErrorContains(t, err, "transitions are append-only", statement)
	}
	require.Equal(t, []string{delivery.JobAcknowledged}, b.history(t, id))
}

// The line about an attempt that begins has no error: that of the attempt before is in its
// own line.
func TestErrorsBelongToAttempts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.addJobs(t, 1)[0]
	for _, state := range []string{delivery.JobExecuting, delivery.JobFailed, delivery.JobExecuting} {
		if state == delivery.JobFailed {
			b.exec(t, `UPDATE jobs SET last_error = '{"message": "it answered 503"}' WHERE id = $1`, id)
		}
		_, err := b.sql.Exec(b.ctx, moveTo, state, id)
		require.NoError(t, err)
	}
	moves, err := b.TransitionsOf(b.ctx, id)
	require.NoError(t, err)
	var errors []string
	for _, m := range moves {
		why, err := delivery.ErrorOf(m.Error)
		require.NoError(t, err)
		errors = append(errors, m.StateAfter+": "+why.Message)
	}
	require.Equal(t, []string{"acknowledged: ", "executing: ", "failed: it answered 503", "executing: "}, errors)
}
