package destinationtest

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
)

// checkDeclared: name, options and actions are fit for a registry, and always the same.
func checkDeclared(tb testing.TB, cfg Config) {
	tb.Helper()
	b := setup(tb, cfg, cfg.New)
	require.NoError(tb, destinations.Check(b.Destination))
	other := cfg.New(tb).Destination
	require.Equal(tb, b.Destination.Name(), other.Name())
	require.Equal(tb, b.Destination.Options(), other.Options())
	for i, a := range b.Destination.Actions() {
		require.Equal(tb, a.Name(), other.Actions()[i].Name())
		require.Equal(tb, destinations.Resolve(b.Destination, a), destinations.Resolve(other, other.Actions()[i]))
	}
	for _, fault := range Faults() {
		_, tested := cfg.Faults[fault]
		why, inapplicable := cfg.Inapplicable[fault]
		require.NotEqual(tb, tested, inapplicable, "fault %q is tested, or there is a reason why it cannot happen", fault)
		require.Equal(tb, inapplicable, why != "", "fault %q", fault)
	}
}

// checkMarshal: a job is the same whenever it is made, and needs nothing but the event.
func checkMarshal(tb testing.TB, cfg Config) {
	tb.Helper()
	b := setup(tb, cfg, cfg.New)
	var seen []string
	for i, event := range b.Events {
		first, _ := b.marshal(tb, event)
		second, _ := b.marshal(tb, event)
		require.NotEqual(tb, first.ID, second.ID, "event %d", i)
		second.ID = first.ID
		require.Equal(tb, first, second, "event %d", i)
		require.True(tb, json.Valid(first.Data), "event %d", i)
		require.NotContains(tb, seen, string(first.Data), "events of the suite are different")
		seen = append(seen, string(first.Data))
	}
}

// checkBadEvents: what cannot be delivered is refused before it is stored.
func checkBadEvents(tb testing.TB, cfg Config) {
	tb.Helper()
	b := setup(tb, cfg, cfg.New)
	require.NotEmpty(tb, cfg.BadEvents, "bad events for the suite")
	for i, event := range cfg.BadEvents {
		_, _, err := b.tryMarshal(tb, event)
		require.Error(tb, err, "bad event %d", i)
		require.NotErrorIs(tb, err, destinations.ErrPanic)
	}
	for _, data := range []string{``, `null`, `[]`, `"x"`, `{"": {}}`, `{"\u0000": 1}`} {
		event := b.Events[0]
		event.Data = json.RawMessage(data)
		_, _, err := b.tryMarshal(tb, event)
		require.NotErrorIs(tb, err, destinations.ErrPanic, "data %s", data)
	}
}

// checkLoad: all jobs arrive, each once.
func checkLoad(tb testing.TB, cfg Config) {
	tb.Helper()
	b := setup(tb, cfg, cfg.New)
	b.succeeds(tb)
	if b.Delivered == nil {
		return
	}
	delivered := b.Delivered(tb)
	require.Len(tb, delivered, len(b.Events))
	require.Len(tb, distinct(delivered), len(b.Events))
}

// checkAgain: a job that comes again, as after a worker's death, is a success, and the other
// side has it once, if it can tell.
func checkAgain(tb testing.TB, cfg Config) {
	tb.Helper()
	b := setup(tb, cfg, cfg.New)
	b.succeeds(tb)
	b.jobs = repeated(b.jobs)
	b.succeeds(tb)
	if b.Delivered == nil {
		return
	}
	delivered := b.Delivered(tb)
	require.Len(tb, distinct(delivered), len(b.Events))
	if !cfg.Repeats {
		require.Len(tb, delivered, len(b.Events))
	}
}

// checkNothing: an empty queue is no mistake.
func checkNothing(tb testing.TB, cfg Config) {
	tb.Helper()
	b := setup(tb, cfg, cfg.New)
	b.deliver(tb.Context(), tb)
}

// checkAtOnce: loads may run at the same time.
func checkAtOnce(tb testing.TB, cfg Config) {
	tb.Helper()
	b := setup(tb, cfg, cfg.New)
	done, took := make([]destinations.Delivered, len(b.jobs)), make([]time.Duration, len(b.jobs))
	faults := make([]error, len(b.jobs))
	var all sync.WaitGroup
	for i, job := range b.jobs {
		all.Go(func() { done[i], took[i], faults[i] = b.load(tb.Context(), job) })
	}
	all.Wait()
	for i, d := range done {
		require.NoError(tb, faults[i])
		b.checkDelivered(tb, d, took[i], 1)
		require.Equal(tb, 1, d.Outcome.Delivered(), "%+v", d.Outcomes)
	}
	if b.Delivered != nil {
		require.Len(tb, distinct(b.Delivered(tb)), len(b.Events))
	}
}

// checkPoison: an invalid job, as after a manual mistake, is discarded, and the other jobs are
// delivered.
func checkPoison(tb testing.TB, cfg Config) {
	tb.Helper()
	for _, data := range []string{`{}`, `null`, `[1]`, `{"connection": 7}`} {
		b := setup(tb, cfg, cfg.New)
		b.jobs[1].Data = json.RawMessage(data)
		done := b.deliver(tb.Context(), tb, b.jobs...)
		for i, r := range done.Outcome.Results {
			want := destinations.StateSucceeded
			if i == 1 {
				want = destinations.StateDiscarded
			}
			require.Equal(tb, want, r.State, "data %s: job %d: %v", data, i, r.Error)
		}
	}
}

// checkNoConnection: an operator has to fix a connection that is missing or of another kind: the
// jobs wait, and it is no evidence against any connection.
func checkNoConnection(tb testing.TB, cfg Config) {
	tb.Helper()
	b := setup(tb, cfg, cfg.New)
	if b.Connections == nil {
		return
	}
	for _, opener := range []connections.Opener{connections.None{}, wrongKind{}} {
		b.Connections = opener
		done := b.deliver(tb.Context(), tb, b.jobs...)
		require.Zero(tb, done.Evidence, "a connection that was not tried is not unhealthy")
		for _, r := range done.Outcome.Results {
			require.Contains(tb, []destinations.State{destinations.StateFailed, destinations.StateAwaiting}, r.State)
			require.Equal(tb, destinations.ErrorClassOperator, destinations.ClassOf(r.Error), r.Error)
		}
	}
}

// wrongKind opens connections of a kind that no destination knows.
type wrongKind struct{}

// Open returns one.
func (wrongKind) Open(_ context.Context, name string) (connections.Connection, error) {
	return connections.Connection{Name: name, Kind: "destinationtest", Settings: json.RawMessage(`{}`)}, nil
}

// checkCancel: a load that is cancelled before it begins delivers nothing, reports so, and returns
// promptly. The jobs may be failed or untried, but none is discarded.
func checkCancel(tb testing.TB, cfg Config) {
	tb.Helper()
	b := setup(tb, cfg, cfg.New)
	ctx, cancel := context.WithCancel(tb.Context())
	cancel()
	begun := time.Now()
	done := b.deliver(ctx, tb, b.jobs...)
	require.Less(tb, time.Since(begun), prompt)
	for _, r := range done.Outcome.Results {
		if b.Connections != nil {
			require.NotEqual(tb, destinations.StateSucceeded, r.State)
		}
		require.NotEqual(tb, destinations.StateDiscarded, r.State)
	}
}

func distinct(all []string) []string {
	sorted := slices.Sorted(slices.Values(all))
	return slices.Compact(sorted)
}
