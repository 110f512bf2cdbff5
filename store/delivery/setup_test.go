package delivery_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store/delivery"
)

// bundle is a migrated store, and a plain connection to its database.
type bundle struct {
	*delivery.Store
	ctx context.Context
	sql *pgx.Conn
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{ctx: enginetest.Context(t)}
	opened, sql := enginetest.OpenStore(t)
	b.Store, b.sql = delivery.New(opened, nil), sql
	return b
}

// exec runs a statement on the database behind the store's back.
func (b *bundle) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	_, err := b.sql.Exec(b.ctx, statement, args...)
	require.NoError(t, err)
}

// me is the operator of the tests.
var me = delivery.Order{By: "anna", Reason: "because"}

// newEvent is an event with that many jobs of crm/upsert.
func newEvent(key string, jobs int) delivery.NewEvent {
	n := delivery.NewEvent{
		Source: "shop", Name: "checkout", Version: "v1", IdempotencyKey: key,
		Context: json.RawMessage(`{"ip": "::1"}`), Data: json.RawMessage(`{"total": 12}`),
	}
	for i := range jobs {
		n.Jobs = append(n.Jobs, newJob("upsert", i))
	}
	return n
}

func newJob(action string, i int) delivery.NewJob {
	return delivery.NewJob{
		Destination: "crm", Action: action, Version: "v2", Data: json.RawMessage(fmt.Sprintf(`{"no": %d}`, i)),
	}
}

// addJobs adds an event with jobs and returns their IDs.
func (b *bundle) addJobs(t *testing.T, n int) []string {
	t.Helper()
	added, err := b.AddEvent(b.ctx, newEvent("", n))
	require.NoError(t, err)
	require.True(t, added.Created)
	require.Len(t, added.Jobs, n)
	return added.Jobs
}

func request() delivery.ClaimRequest {
	return delivery.ClaimRequest{Destination: "crm", Action: "upsert", Limit: 100, Lease: time.Minute, MaxRetries: 3}
}

// claim claims all due jobs of crm/upsert.
func (b *bundle) claim(t *testing.T) []delivery.Job {
	t.Helper()
	claim, err := b.ClaimDue(b.ctx, request())
	require.NoError(t, err)
	return claim.Jobs
}

// outcome is an outcome of a claimed job.
func outcome(job delivery.Job, state string) delivery.JobOutcome {
	o := delivery.JobOutcome{JobID: job.ID, FencingToken: job.FencingToken, State: state}
	if state != delivery.JobSucceeded {
		o.Error = "no luck"
	}
	return o
}

// record records outcomes and wants every one of them to be noted.
func (b *bundle) record(t *testing.T, outcomes ...delivery.JobOutcome) delivery.Recorded {
	t.Helper()
	r, err := b.RecordOutcomes(b.ctx, outcomes)
	require.NoError(t, err)
	require.Len(t, r.Recorded, len(outcomes))
	return r
}

// history returns the states that a job has been through.
func (b *bundle) history(t *testing.T, id string) []string {
	t.Helper()
	all, err := b.TransitionsOf(b.ctx, id)
	require.NoError(t, err)
	var states []string
	for i, line := range all {
		if i == 0 {
			require.Nil(t, line.StateBefore)
		} else {
			require.Equal(t, all[i-1].StateAfter, *line.StateBefore)
		}
		states = append(states, line.StateAfter)
	}
	return states
}

// force brings a job into a state behind the store's back, by a legal way.
func (b *bundle) force(t *testing.T, id, state string) {
	t.Helper()
	ways := map[string][]string{
		delivery.JobAcknowledged: {}, delivery.JobExecuting: {delivery.JobExecuting}, delivery.JobHeld: {delivery.JobHeld},
		delivery.JobCancelled: {delivery.JobCancelled}, delivery.JobAwaiting: {delivery.JobExecuting, delivery.JobAwaiting},
	}
	way, known := ways[state]
	if !known {
		way = []string{delivery.JobExecuting, state}
	}
	for _, step := range way {
		b.exec(t, moveTo, step, id)
	}
}

// moveTo changes a job's state and what goes with it.
const moveTo = `UPDATE jobs SET state = $1, lease_expires_at = CASE WHEN $1 = 'executing' THEN now() END,
	due_at = CASE WHEN $1 IN ('acknowledged', 'awaiting', 'failed') THEN now() END,
	finished_at = CASE WHEN $1 IN ('succeeded', 'discarded', 'cancelled') THEN now() END WHERE id = $2`
