package delivery_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/delivery"
)

// addTo adds jobs of crm/upsert that use a connection, and returns their IDs.
func (b *bundle) addTo(t *testing.T, connection string, n int) []string {
	t.Helper()
	event := newEvent("", n)
	for i := range event.Jobs {
		event.Jobs[i].Data = json.RawMessage(fmt.Sprintf(`{"connection": %q, "no": %d}`, connection, i))
	}
	added, err := b.AddEvent(b.ctx, event)
	require.NoError(t, err)
	return added.Jobs
}

// taken returns the IDs of the jobs that a request gets.
func (b *bundle) taken(t *testing.T, r delivery.ClaimRequest) []string {
	t.Helper()
	claim, err := b.ClaimDue(b.ctx, r)
	require.NoError(t, err)
	ids := []string{}
	for _, job := range claim.Jobs {
		ids = append(ids, job.ID)
	}
	return ids
}

// fail fails jobs that are claimed; they are due again at once.
func (b *bundle) fail(t *testing.T, ids ...string) {
	t.Helper()
	for _, id := range ids {
		job, err := b.Job(b.ctx, id)
		require.NoError(t, err)
		b.record(t, outcome(job, delivery.JobFailed))
	}
}

// connect adds a connection, so that it can be paused and removed.
func (b *bundle) connect(t *testing.T, name string) {
	t.Helper()
	_, err := b.AddConnection(b.ctx, store.NewConnection{
		Name: name, Kind: "webhook", Settings: json.RawMessage(`{}`), SecretNames: []string{}, Sealed: []byte{1}, KeyID: 1,
	})
	require.NoError(t, err)
}

func (b *bundle) note(t *testing.T, connection string, failed ...string) delivery.Health {
	t.Helper()
	rule := delivery.CircuitRule{Threshold: 2, First: time.Minute, Max: 3 * time.Minute}
	h, err := b.NoteEvidence(b.ctx, connection, delivery.Evidence{Failed: failed, Reason: "refused"}, rule)
	require.NoError(t, err)
	return h
}

func (b *bundle) state(t *testing.T, connection string) string {
	t.Helper()
	h, err := b.Health(b.ctx, connection)
	require.NoError(t, err)
	return delivery.ConnectionState(h, time.Now())
}

func TestKeyOfConnection(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for data, want := range map[string]string{
		`{"connection": "dwh"}`: "dwh", `{"connection": "d w h"}`: "@crm", `{"connection": 7}`: "7",
		`{"connection": "@crm"}`: "@crm", `{}`: "@crm", `["dwh"]`: "@crm", `{"connection": null}`: "@crm",
		`{"connection": "` + strings.Repeat("x", 64) + `"}`: "@crm",
	} {
		event := newEvent("", 1)
		event.Jobs[0].Data = json.RawMessage(data)
		added, err := b.AddEvent(b.ctx, event)
		require.NoError(t, err)
		job, err := b.Job(b.ctx, added.Jobs[0])
		require.NoError(t, err)
		require.Equal(t, want, job.Connection, data)
		// It follows an edit.
		require.NoError(t, b.EditAndRetry(b.ctx, job.ID, nil, json.RawMessage(`{"connection": "other"}`), me))
		job, err = b.Job(b.ctx, job.ID)
		require.NoError(t, err)
		require.Equal(t, "other", job.Connection)
	}
}

// A claim takes of each connection in turn, and passes over those that are busy.
func TestClaimOfConnections(t *testing.T) {
	t.Parallel()
	b := setup(t)
	mine, other, last := b.addTo(t, "a", 5), b.addTo(t, "b", 5), b.addTo(t, "c", 1)
	r := request()
	r.Limit, r.Busy = 3, []string{"a"}
	require.Equal(t, other[:3], b.taken(t, r))
	r.Busy = nil
	require.Equal(t, mine[:3], b.taken(t, r), "b has a batch under way")
	require.Equal(t, last, b.taken(t, r))
	require.Empty(t, b.taken(t, r))
	r.Concurrency, r.After, r.Limit = 2, "a", 4
	require.Equal(t, append(mine[3:], other[3:]...), b.taken(t, r), "b, c and then a")

	claim := delivery.Claim{Jobs: []delivery.Job{{ID: "1", Connection: "y"}, {ID: "2", Connection: "x"}, {ID: "3", Connection: "y"}}}
	batches := claim.Batches()
	require.Len(t, batches, 2)
	require.Len(t, batches[delivery.Batch{Connection: "x"}].Jobs, 1)
	require.Len(t, batches[delivery.Batch{Connection: "y"}].Jobs, 2)
}

// Of many claims at once one gets a batch of a connection with the concurrency 1, whatever
// the action, and the next one after it was recorded.
func TestConcurrencyOfConnection(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.addTo(t, "a", 40)
	event := newEvent("", 0)
	event.Jobs = []delivery.NewJob{{Destination: "crm", Action: "delete", Data: json.RawMessage(`{"connection": "a"}`)}}
	_, err := b.AddEvent(b.ctx, event)
	require.NoError(t, err)
	for range 5 {
		got := make(chan []delivery.Job, 8)
		for _, err := range enginetest.AtOnce(8, func(i int) error {
			r := request()
			r.Limit, r.Action = 2, []string{"upsert", "upsert", "delete"}[i%3]
			claim, err := b.ClaimDue(b.ctx, r)
			if len(claim.Jobs) > 0 {
				got <- claim.Jobs
			}
			return err
		}) {
			require.NoError(t, err)
		}
		require.Len(t, got, 1)
		for _, job := range <-got {
			b.record(t, outcome(job, delivery.JobSucceeded))
		}
	}
	// A lost worker does not count once its lease has ended.
	require.NotEmpty(t, b.taken(t, request()))
	b.addTo(t, "a", 1)
	require.Empty(t, b.taken(t, request()))
	backlog, err := b.Backlog(b.ctx, request())
	require.NoError(t, err)
	require.Zero(t, backlog.Due)
	require.WithinDuration(t, time.Now().Add(3*time.Second), backlog.Next, 2*time.Second)
	b.exec(t, "UPDATE jobs SET lease_expires_at = now() WHERE state = 'executing'")
	require.Len(t, b.taken(t, request()), 1)
}

// Jobs that have not failed do not wait behind those that have, nor these for ever.
func TestNeverFailedFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	old := b.addTo(t, "a", 20)
	require.Len(t, b.taken(t, request()), 20)
	b.fail(t, old...)
	fresh := b.addTo(t, "a", 20)
	r := request()
	r.Limit = 10
	got := b.taken(t, r)
	require.Len(t, got, 10)
	require.Subset(t, got, fresh[:7])
	failed := func() (n int) {
		for _, id := range got {
			if id <= old[len(old)-1] {
				n++
			}
		}
		return n
	}
	require.Contains(t, []int{2, 3}, failed())
	// A job that was sent back untried keeps its rank.
	for _, id := range got {
		job, err := b.Job(b.ctx, id)
		require.NoError(t, err)
		b.record(t, outcome(job, delivery.JobAwaiting))
	}
	got = b.taken(t, r)
	require.Contains(t, []int{2, 3}, failed())
}

// One job that keeps failing is no evidence; different ones open the circuit. It then lets one
// job through at a time, rather one that has not failed.
func TestCircuit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	old, other := b.addTo(t, "a", 3), b.addTo(t, "b", 1)
	for range 5 {
		h := b.note(t, "a", old[0])
		require.EqualValues(t, 1, h.Failures)
		require.Nil(t, h.OpenUntil)
	}
	require.Equal(t, delivery.ConnectionFailing, b.state(t, "a"))
	require.Len(t, b.taken(t, request()), 4)
	b.fail(t, old...)
	h := b.note(t, "a", old[0], old[1])
	require.EqualValues(t, 2, h.Failures)
	require.WithinDuration(t, time.Now().Add(time.Minute), *h.OpenUntil, 10*time.Second)
	require.Equal(t, delivery.ConnectionOpen, b.state(t, "a"))
	require.Equal(t, *h.OpenUntil, *b.note(t, "a", old[2]).OpenUntil, "what was under way counts no more")

	require.Empty(t, b.taken(t, request()), "b is under way")
	fresh := b.addTo(t, "a", 2)
	require.Empty(t, b.taken(t, request()))
	backlog, err := b.Backlog(b.ctx, request())
	require.NoError(t, err)
	require.Zero(t, backlog.Due)
	require.WithinDuration(t, time.Now().Add(time.Minute), backlog.Next, 10*time.Second)
	b.fail(t, other[0])
	require.Equal(t, other, b.taken(t, request()), "another connection is undisturbed")

	halfOpen := func() { b.exec(t, "UPDATE connection_health SET open_until = now() WHERE connection = 'a'") }
	for i, want := range []time.Duration{2 * time.Minute, 3 * time.Minute, 3 * time.Minute} {
		halfOpen()
		require.Equal(t, delivery.ConnectionHalfOpen, b.state(t, "a"))
		r := request()
		r.Concurrency = 4
		probe := b.taken(t, r)
		require.Len(t, probe, 1)
		require.Empty(t, b.taken(t, r), "one at a time")
		if i < 2 {
			require.Equal(t, fresh[i], probe[0])
		}
		b.fail(t, probe...)
		h := b.note(t, "a", probe...)
		require.WithinDuration(t, time.Now().Add(want), *h.OpenUntil, 10*time.Second)
	}
	halfOpen()
	require.Len(t, b.taken(t, request()), 1)
	b.note(t, "a")
	r := request()
	r.Concurrency = 2
	require.Len(t, b.taken(t, r), 1, "a batch that says nothing ends the probe")
	_, err = b.NoteEvidence(b.ctx, "a", delivery.Evidence{Succeeded: true}, delivery.CircuitRule{})
	require.NoError(t, err)
	require.Equal(t, delivery.ConnectionHealthy, b.state(t, "a"))
	r.Concurrency = 3
	require.Len(t, b.taken(t, r), 3)
	unhealthy, err := b.Unhealthy(b.ctx)
	require.NoError(t, err)
	require.Empty(t, unhealthy)
}

func TestPauseConnection(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.ErrorIs(t, b.PauseConnection(b.ctx, "a", me), store.ErrNotFound)
	require.ErrorIs(t, b.ResumeConnection(b.ctx, "a"), store.ErrNotFound)
	b.connect(t, "a")
	ids := b.addTo(t, "a", 2)
	require.NoError(t, b.PauseConnection(b.ctx, "a", me))
	require.Equal(t, delivery.ConnectionPaused, b.state(t, "a"))
	require.Empty(t, b.taken(t, request()))
	backlog, err := b.Backlog(b.ctx, request())
	require.NoError(t, err)
	require.Equal(t, delivery.Backlog{Waiting: 2}, backlog)
	waiting, err := b.ConnectionsOf(b.ctx, "crm")
	require.NoError(t, err)
	require.Len(t, waiting, 1)
	require.EqualValues(t, 2, waiting[0].Due)
	require.Equal(t, "anna", waiting[0].Health.PausedBy)
	_, err = b.NoteEvidence(b.ctx, "a", delivery.Evidence{Succeeded: true}, delivery.CircuitRule{})
	require.NoError(t, err)
	require.Equal(t, delivery.ConnectionPaused, b.state(t, "a"), "what was under way resumes nothing")
	require.NoError(t, b.ResumeConnection(b.ctx, "a"))
	require.Equal(t, ids, b.taken(t, request()))
}

// Trigger and resume try at once: the circuit lets a job through, and jobs do not wait for
// their retry.
func TestTryNow(t *testing.T) {
	t.Parallel()
	for name, try := range map[string]func(b *bundle) error{
		"action":      func(b *bundle) error { return b.TryNow(b.ctx, "crm", "upsert") },
		"destination": func(b *bundle) error { return b.TryNow(b.ctx, "crm", "") },
		"connection":  func(b *bundle) error { return b.ResumeConnection(b.ctx, "a") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.connect(t, "a")
			b.addTo(t, "a", 2)
			claim, err := b.ClaimDue(b.ctx, request())
			require.NoError(t, err)
			for _, job := range claim.Jobs {
				failed := outcome(job, delivery.JobFailed)
				failed.RetryAfter = time.Hour
				b.record(t, failed)
				b.note(t, "a", job.ID)
			}
			require.Equal(t, delivery.ConnectionOpen, b.state(t, "a"))
			require.NoError(t, b.TryNow(b.ctx, "crm", "delete"))
			require.Empty(t, b.taken(t, request()), "another action changes nothing")
			require.NoError(t, try(b))
			require.Equal(t, delivery.ConnectionHalfOpen, b.state(t, "a"))
			require.Len(t, b.taken(t, request()), 1)
		})
	}
}

// A changed connection is tried at once, a removed one is forgotten.
func TestHealthOfChangedConnection(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect(t, "a")
	b.note(t, "a", "1")
	b.note(t, "a", "2")
	require.Equal(t, delivery.ConnectionOpen, b.state(t, "a"))
	row, err := b.Connection(b.ctx, "a")
	require.NoError(t, err)
	_, err = b.ReplaceConnection(b.ctx, row)
	require.NoError(t, err)
	require.Equal(t, delivery.ConnectionHalfOpen, b.state(t, "a"))
	require.NoError(t, b.RemoveConnection(b.ctx, "a", false))
	require.Equal(t, delivery.ConnectionHealthy, b.state(t, "a"))
}

// The rate is that of each connection, over all claims.
func TestRateOfConnection(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect(t, "a")
	mine := b.addTo(t, "a", 20)
	other := b.addTo(t, "gone", 3)
	r := request()
	r.Rate, r.Concurrency = 5, 10
	require.Equal(t, append(mine[:5:5], other...), b.taken(t, r))
	require.Empty(t, b.taken(t, r))
	backlog, err := b.Backlog(b.ctx, r)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Second), backlog.Next, 900*time.Millisecond)
	h, err := b.Health(b.ctx, "gone")
	require.NoError(t, err)
	require.Nil(t, h.PacedUntil, "it is no connection's name")
	b.exec(t, "UPDATE connection_health SET paced_until = now()")
	r.Rate = 0.5
	require.Equal(t, mine[5:6], b.taken(t, r))
	h, err = b.Health(b.ctx, "a")
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(2*time.Second), *h.PacedUntil, time.Second)
}

// The built-in connection has a rate and a concurrency as others have.
func TestRateOfBuiltInConnection(t *testing.T) {
	t.Parallel()
	b := setup(t)
	jobs := b.addTo(t, delivery.ConnectionNotify, 5)
	r := request()
	r.Rate, r.Concurrency, r.Limit = 2, 2, 1
	require.Equal(t, jobs[:1], b.taken(t, r))
	require.Empty(t, b.taken(t, r), "the rate")
	b.exec(t, "UPDATE connection_health SET paced_until = now()")
	require.Equal(t, jobs[1:2], b.taken(t, r))
	b.exec(t, "UPDATE connection_health SET paced_until = now()")
	require.Empty(t, b.taken(t, r), "two batches are in flight")
}

// An endpoint that is gone pauses its connection, once: its jobs wait until a person resumes it
// or other settings lead elsewhere.
func TestGonePauses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := b.ctx
	_, err := b.AddConnection(ctx, store.NewConnection{
		Name: "ops", Kind: "webhook", Settings: []byte(`{"url": "https://example.com/a"}`), Sealed: []byte("x"), SecretNames: []string{},
	})
	require.NoError(t, err)
	gone := delivery.Evidence{Gone: true, Reason: "the endpoint answered 410 Gone"}
	for range 2 {
		h, err := b.NoteEvidence(ctx, "ops", gone, delivery.CircuitRule{})
		require.NoError(t, err)
		require.NotNil(t, h.PausedAt)
		require.Equal(t, delivery.PausedBySluice, h.PausedBy)
		require.Equal(t, gone.Reason, h.PausedReason)
	}
	paused := func() bool {
		h, err := b.Health(ctx, "ops")
		require.NoError(t, err)
		return h.PausedAt != nil
	}
	row, err := b.Connection(ctx, "ops")
	require.NoError(t, err)
	row.Sealed = []byte("y")
	row, err = b.ReplaceConnection(ctx, row)
	require.NoError(t, err)
	require.True(t, paused(), "other secrets lead to the same endpoint")
	row.Settings = []byte(`{"url": "https://example.com/b"}`)
	_, err = b.ReplaceConnection(ctx, row)
	require.NoError(t, err)
	require.False(t, paused())

	require.NoError(t, b.PauseConnection(ctx, "ops", delivery.Order{By: "anna"}))
	row, err = b.Connection(ctx, "ops")
	require.NoError(t, err)
	row.Settings = []byte(`{"url": "https://example.com/c"}`)
	_, err = b.ReplaceConnection(ctx, row)
	require.NoError(t, err)
	require.True(t, paused(), "what a person has paused, a person resumes")
	require.NoError(t, b.ResumeConnection(ctx, "ops"))
	require.False(t, paused())

	// A job that names no connection, or one that was removed, leaves nothing behind.
	for _, key := range []string{"@webhook", "nowhere"} {
		_, err = b.NoteEvidence(ctx, key, gone, delivery.CircuitRule{})
		require.NoError(t, err)
	}
	all, err := b.Unhealthy(ctx)
	require.NoError(t, err)
	require.Empty(t, all)
	// The built-in connection has no row and is paused as others are.
	require.NoError(t, b.PauseConnection(ctx, delivery.ConnectionNotify, delivery.Order{By: "anna"}))
	require.NoError(t, b.ResumeConnection(ctx, delivery.ConnectionNotify))
}
