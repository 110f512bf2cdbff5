package delivery_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/delivery"
)

// BenchmarkDelivery claims jobs in batches of 500 and records that they have succeeded: what
// the store has to do for each job, apart from taking it in.
func BenchmarkDelivery(b *testing.B) {
	const batch = 500
	ctx, dsn := enginetest.Context(b), enginetest.StoreDSN(b)
	opened, err := store.Open(ctx, store.Config{DSN: dsn})
	require.NoError(b, err)
	b.Cleanup(opened.Close)
	s := delivery.New(opened, nil)
	require.NoError(b, s.Migrate(ctx))
	conn, err := pgx.Connect(ctx, dsn)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, conn.Close(context.Background())) })
	add := func(from int) {
		_, err := conn.Exec(ctx, `INSERT INTO events (id, source) SELECT lpad(i::text, 12, '0'), 'shop'
			FROM generate_series($1::integer, $1 + 50 * $2::integer - 1) i`, from, batch)
		require.NoError(b, err)
		_, err = conn.Exec(ctx, `INSERT INTO jobs (id, destination, action, event_id, data) SELECT id, 'crm', 'upsert', id, '{"no": 1}'
			FROM events WHERE id >= lpad($1::integer::text, 12, '0')`, from)
		require.NoError(b, err)
	}
	done := 0
	for i := 0; b.Loop(); i++ {
		if i%50 == 0 {
			b.StopTimer()
			add(i * batch)
			b.StartTimer()
		}
		claim, err := s.ClaimDue(ctx, delivery.ClaimRequest{Destination: "crm", Action: "upsert", Limit: batch, Lease: time.Minute})
		require.NoError(b, err)
		require.Len(b, claim.Jobs, batch)
		outcomes := make([]delivery.JobOutcome, batch)
		for i, job := range claim.Jobs {
			outcomes[i] = delivery.JobOutcome{JobID: job.ID, FencingToken: job.FencingToken, State: delivery.JobSucceeded}
		}
		_, err = s.RecordOutcomes(ctx, outcomes)
		require.NoError(b, err)
		done += batch
	}
	b.ReportMetric(float64(done)/b.Elapsed().Seconds(), "jobs/s")
}

// BenchmarkSingle adds one event with a job, notifies its producer, claims it and records that it has succeeded:
// what the store has to do for a job that shares its statements with no other. Commits do not wait for the disk.
func BenchmarkSingle(b *testing.B) {
	ctx, dsn := enginetest.Context(b), enginetest.StoreDSN(b)
	opened, err := store.Open(ctx, store.Config{DSN: dsn + "&options=-c%20synchronous_commit%3Doff"})
	require.NoError(b, err)
	b.Cleanup(opened.Close)
	s := delivery.New(opened, nil)
	require.NoError(b, s.Migrate(ctx))
	job := delivery.NewJob{Destination: "crm", Action: "upsert", Data: json.RawMessage(`{"no": 1}`)}
	spent := map[string]time.Duration{}
	timed := func(step string, do func() error) {
		begin := time.Now()
		require.NoError(b, do())
		spent[step] += time.Since(begin)
	}
	for b.Loop() {
		timed("add", func() error {
			_, err := s.AddEvents(ctx, []delivery.NewEvent{{Source: "shop", Jobs: []delivery.NewJob{job}}})
			return err
		})
		timed("notify", func() error {
			return s.NotifyJobs(ctx, []delivery.ActionName{{Destination: "crm", Action: "upsert"}})
		})
		var claim delivery.Claim
		timed("claim", func() (err error) {
			claim, err = s.ClaimDue(ctx, delivery.ClaimRequest{
				Destination: "crm", Action: "upsert", Limit: 100, Lease: time.Minute, Concurrency: 10,
			})
			return err
		})
		require.Len(b, claim.Jobs, 1)
		timed("record", func() error {
			_, err := s.RecordOutcomes(ctx, []delivery.JobOutcome{{
				JobID: claim.Jobs[0].ID, FencingToken: claim.Jobs[0].FencingToken, State: delivery.JobSucceeded,
			}})
			return err
		})
	}
	for step, d := range spent {
		b.ReportMetric(float64(d.Microseconds())/float64(b.N), "µs/"+step)
	}
}
