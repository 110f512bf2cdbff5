package destinationtest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations"
)

// Fault is a way in which the other side misbehaves.
type Fault string

// The faults.
const (
	// FaultSlow answers late, but in time. All jobs are delivered.
	FaultSlow Fault = "slow"
	// FaultHanging takes what it is sent and never answers.
	FaultHanging Fault = "hanging"
	// FaultThrottled asks for a pause and does not say how long.
	FaultThrottled Fault = "throttled"
	// FaultThrottledFor asks for a pause of two minutes.
	FaultThrottledFor Fault = "throttled for two minutes"
	// FaultBroken answers that something is wrong on its side.
	FaultBroken Fault = "broken"
	// FaultPartial takes some of the jobs and refuses others.
	FaultPartial Fault = "partial"
	// FaultReset takes a job, then cuts the connection instead of saying so, the first
	// time. It is well afterwards.
	FaultReset Fault = "reset after commit"
	// FaultTLS has an untrusted certificate.
	FaultTLS Fault = "tls"
	// FaultHuge answers without end.
	FaultHuge Fault = "huge answer"
	// FaultImpostor is another server, such as a proxy with a page of its own, that answers
	// everything with success.
	FaultImpostor Fault = "impostor"
	// FaultUnready lacks what an operator has to add, such as a table. All jobs are kept.
	FaultUnready Fault = "unready"
)

// Faults returns all faults.
func Faults() []Fault {
	return []Fault{
		FaultSlow, FaultHanging, FaultThrottled, FaultThrottledFor, FaultBroken, FaultPartial, FaultReset,
		FaultTLS, FaultHuge, FaultImpostor, FaultUnready,
	}
}

// hangingTimeout is how long a load of a side that hangs may take.
const hangingTimeout = 300 * time.Millisecond

func checkFault(tb testing.TB, cfg Config, fault Fault) {
	tb.Helper()
	fresh, applies := cfg.Faults[fault]
	if !applies {
		require.NotEmpty(tb, cfg.Inapplicable[fault], "why it cannot happen")
		return
	}
	b := setup(tb, cfg, fresh)
	switch fault {
	case FaultSlow:
		b.succeeds(tb)
	case FaultHanging:
		b.hangs(tb)
	case FaultPartial:
		b.partly(tb)
	case FaultReset:
		b.reset(tb)
	case FaultHuge:
		b.huge(tb)
	case FaultUnready:
		b.waits(tb)
	default:
		b.fails(tb, fault)
	}
}

// fails: nothing is delivered or discarded; jobs are tried again, after the wait that the other
// side requests.
func (b *bench) fails(tb testing.TB, fault Fault) {
	tb.Helper()
	done := b.deliver(tb.Context(), tb, b.jobs...)
	for _, r := range done.Outcome.Results {
		retried := []destinations.State{destinations.StateFailed, destinations.StateAwaiting}
		require.Contains(tb, retried, r.State, "%v", r.Error)
		if fault == FaultThrottledFor {
			require.InDelta(tb, 120, r.RetryAfter.Seconds(), 10, "%s: %v", r.State, r.Error)
		}
	}
	require.NotZero(tb, done.Tried, "want a request")
	require.NotEmpty(tb, done.Unhealthy, "want evidence for the circuit breaker")
	if b.Delivered != nil {
		require.Empty(tb, b.Delivered(tb))
	}
}

// hangs: a load ends in time by itself, and promptly when it is cancelled; no job that may have
// been delivered succeeds or is discarded.
func (b *bench) hangs(tb testing.TB) {
	tb.Helper()
	b.Timeout = hangingTimeout
	check := func(ctx context.Context) {
		for _, r := range b.deliver(ctx, tb, b.jobs...).Outcome.Results {
			require.NotContains(tb, []destinations.State{destinations.StateSucceeded, destinations.StateDiscarded}, r.State)
		}
	}
	check(tb.Context())
	b.Timeout = time.Minute
	ctx, cancel := context.WithTimeout(tb.Context(), hangingTimeout)
	defer cancel()
	begun := time.Now()
	check(ctx)
	require.Less(tb, time.Since(begun), hangingTimeout+prompt, "cancelling is prompt")
}

// partly: what was delivered is a success and nothing else is.
func (b *bench) partly(tb testing.TB) {
	tb.Helper()
	done := b.deliver(tb.Context(), tb, b.jobs...)
	require.NotZero(tb, done.Outcome.Delivered())
	require.Less(tb, done.Outcome.Delivered(), len(b.jobs))
	if b.Delivered != nil {
		require.Len(tb, b.Delivered(tb), done.Outcome.Delivered())
	}
}

// reset: a job whose fate is not known is neither a success nor discarded; loaded again it is
// delivered, once if the other side can tell.
func (b *bench) reset(tb testing.TB) {
	tb.Helper()
	done := b.deliver(tb.Context(), tb, b.jobs...)
	require.Less(tb, done.Outcome.Delivered(), len(b.jobs), "the connection was cut")
	var again []destinations.QueuedJob
	for i, r := range done.Outcome.Results {
		require.NotEqual(tb, destinations.StateDiscarded, r.State)
		if r.State != destinations.StateSucceeded {
			again = append(again, b.jobs[i])
		}
	}
	for _, r := range b.deliver(tb.Context(), tb, repeated(again)...).Outcome.Results {
		require.Equal(tb, destinations.StateSucceeded, r.State, "%v", r.Error)
	}
	if b.Delivered != nil {
		delivered := b.Delivered(tb)
		require.Len(tb, distinct(delivered), len(b.Events))
		if !b.cfg.Repeats {
			require.Len(tb, delivered, len(b.Events))
		}
	}
}

// waits: what an operator has to add is waited for, however many attempts it takes, and is no
// evidence about the connection's health.
func (b *bench) waits(tb testing.TB) {
	tb.Helper()
	for i := range b.jobs {
		b.jobs[i].Attempt = 500
	}
	done := b.deliver(tb.Context(), tb, b.jobs...)
	for i, r := range done.Outcome.Results {
		require.Equal(tb, destinations.StateFailed, r.State, "%v", r.Error)
		require.Equal(tb, destinations.ErrorClassOperator, destinations.ClassOf(r.Error), "%v", r.Error)
		require.GreaterOrEqual(tb, done.Outcomes[i].RetryAfter, destinations.OperatorBackoff)
	}
	require.Empty(tb, done.Unhealthy)
	if b.Delivered != nil {
		require.Empty(tb, b.Delivered(tb))
	}
}

// huge: a response is not read beyond the needed bytes.
func (b *bench) huge(tb testing.TB) {
	tb.Helper()
	begun := time.Now()
	for _, r := range b.deliver(tb.Context(), tb, b.jobs...).Outcome.Results {
		require.NotEqual(tb, destinations.StateDiscarded, r.State)
	}
	require.Less(tb, time.Since(begun), prompt)
}
