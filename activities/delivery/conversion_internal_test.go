package delivery

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/log"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// An outcome is recorded under the fencing token of its claim; a job that was claimed before is
// marked as repeated.
func TestClaimAndOutcomes(t *testing.T) {
	t.Parallel()
	sent, created := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC)
	claim := deliverystore.Claim{
		Jobs: []deliverystore.Job{
			{ID: "a", EventID: "1", Version: "v1", Context: []byte(`{}`), Data: []byte(`1`), Attempt: 1, FencingToken: 1, CreatedAt: created},
			{ID: "b", EventID: "1", Attempt: 2, FencingToken: 3, SentAt: &sent},
		},
		Events: map[string]deliverystore.Event{"1": {ID: "1", Source: "shop"}},
	}
	require.Equal(t, &destinations.Queue{Events: []destinations.QueuedEvent{{
		Event: destinations.Event{ID: "1", Source: "shop"},
		Jobs: []destinations.QueuedJob{
			{ID: "a", EventID: "1", Version: "v1", Context: []byte(`{}`), Data: []byte(`1`), Attempt: 1, CreatedAt: created},
			{ID: "b", EventID: "1", Attempt: 2, Repeated: true, SentAt: sent},
		},
	}}}, queueOf(claim))
	require.Equal(t, []deliverystore.JobOutcome{
		{JobID: "b", FencingToken: 3, State: deliverystore.JobFailed, Error: "no", RetryAfter: time.Minute},
		{JobID: "a", FencingToken: 1, State: deliverystore.JobSucceeded, Chained: []deliverystore.NewJob{{ID: "c", Destination: "log", Action: "write"}}},
	}, outcomesOf(claim, []destinations.JobOutcome{
		{JobID: "b", State: destinations.StateFailed, Error: "no", RetryAfter: time.Minute},
		{JobID: "a", State: destinations.StateSucceeded, Chained: []destinations.NewJob{{ID: "c", Destination: "log", Action: "write"}}},
	}))
}

func TestClaimOf(t *testing.T) {
	t.Parallel()
	d := log.New()
	p, err := destinations.PlanOf(d, d.Actions()[0], nil)
	require.NoError(t, err)
	p.Concurrency, p.RatePerSecond, p.BatchSize, p.Timeout = 2, 8, 50, time.Minute
	p.RedriveUnknown, p.RedriveLost = true, false
	r := claimOf(d, d.Actions()[0], p)
	require.Equal(t, deliverystore.ClaimRequest{
		Destination: "log", Action: "write", Limit: 50, Lease: 2 * time.Minute, RedriveAfter: p.InitialBackoff,
		MaxRetries: int32(*p.MaxRetries), Concurrency: 2, Rate: 8,
	}, r)
	p.RedriveUnknown = false
	require.Negative(t, claimOf(d, d.Actions()[0], p).RedriveAfter)
}
