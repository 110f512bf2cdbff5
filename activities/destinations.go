package activities

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/store"
)

// Destinations has the activities that deliver jobs.
type Destinations struct {
	// Store is the system of record. Required.
	Store *store.Store
	// Registry has the destinations. Required.
	Registry *destinations.Registry
	// Connections opens the connections that jobs name. Defaults to none.
	Connections connections.Opener
	// Versions resolves the versions of jobs that follow from others. Required.
	Versions *destinations.Versions
	// Circuit says when the circuit of a connection opens. Defaults to the store's defaults.
	Circuit store.CircuitRule
	// Grace is how long a load may go on when the worker has been told to stop. It ends
	// before the worker does, so that its outcome can be recorded. Defaults to 0.
	Grace time.Duration
	// Observer hears what became of jobs. Defaults to nobody.
	Observer DeliveryObserver
	// Linger is how long a load of a realtime action waits for further jobs when there are
	// none. Defaults to 1 s.
	Linger time.Duration
	// Wake tells actions that jobs were made for them by the outcomes of others. Required.
	Wake func(ctx context.Context, refs []ActionRef) error
	// Logger takes what is worth an operator's attention. Required.
	Logger *slog.Logger
	// Service is this process, as destinations are told. Defaults to none.
	Service *destinations.Service

	bells bells
	// batches are those under way, leftovers what those have done that outlived their activity.
	batches   sync.WaitGroup
	leftovers leftovers
}

// DeliveryObserver hears how loads went. Its methods may be called concurrently.
type DeliveryObserver interface {
	// Delivered says that it was recorded of so many jobs that a load has brought them to a
	// state.
	Delivered(ref ActionRef, state string, jobs int)
}

// recordTimeout bounds how long it is tried to record an outcome; it is within the margin by
// which a lease is longer than a load.
const recordTimeout = 30 * time.Second

// settle records how the load of a batch went, notes what it says about the health of its
// connection, and wakes the actions that are next.
func (d *Destinations) settle(
	ctx context.Context, ref ActionRef, connection string, done destinations.Delivered,
) error {
	recorded, err := d.record(ctx, done.Outcomes)
	if err != nil {
		return err
	}
	d.observe(ref, done.Outcomes, recorded.Recorded)
	log := d.Logger.With("destination", ref.Destination, "action", ref.Action)
	if len(recorded.Fenced) > 0 {
		log.Warn("outcomes came too late: somebody else has the jobs", "jobs", len(recorded.Fenced))
	}
	if err := errors.Join(recorded.Refused...); err != nil {
		log.Error("jobs that follow could not be added", "error", err)
	}
	health, err := d.Store.NoteEvidence(ctx, connection, done.Evidence, d.Circuit)
	if err != nil {
		return err
	}
	if health.OpenUntil != nil {
		log.Warn("circuit open", "connection", connection, "until", *health.OpenUntil, "failures", health.Failures,
			"reason", health.Reason)
	}
	var next []ActionRef
	for _, job := range recorded.Chained {
		next = append(next, ActionRef{Destination: ref.Destination, Action: job.Action})
	}
	if next = distinct(next); len(next) > 0 {
		if err := d.Wake(ctx, next); err != nil {
			// The jobs are there, and are found at the next time of the action's schedule.
			log.Warn("could not wake the actions that follow", "error", err)
		}
	}
	return nil
}

// observe tells the observer of outcomes, as far as they were recorded.
func (d *Destinations) observe(ref ActionRef, outcomes []store.JobOutcome, recorded []string) {
	if d.Observer == nil {
		return
	}
	known := make(map[string]bool, len(recorded))
	for _, id := range recorded {
		known[id] = true
	}
	states := map[string]int{}
	for _, o := range outcomes {
		if known[o.JobID] {
			states[o.State]++
		}
	}
	for state, jobs := range states {
		d.Observer.Delivered(ref, state, jobs)
	}
}

// record tries until the outcomes are recorded or ctx ends: nobody else knows them.
func (d *Destinations) record(ctx context.Context, outcomes []store.JobOutcome) (store.Recorded, error) {
	const longest = 2 * time.Second
	for delay := 100 * time.Millisecond; ; delay = min(2*delay, longest) {
		recorded, err := d.Store.RecordOutcomes(ctx, outcomes)
		if err == nil {
			return recorded, nil
		}
		activity.GetLogger(ctx).Warn("could not record outcomes", "error", err)
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return store.Recorded{}, err
		}
	}
}

// planned is an action and what it goes by.
type planned struct {
	dest     destinations.Destination
	action   destinations.Action
	settings map[string]store.DestinationSettings
	plan     destinations.Plan
}

// plan returns what an action goes by. A setting that the program cannot use is logged.
func (d *Destinations) plan(ctx context.Context, ref ActionRef) (p planned, err error) {
	if p.dest, p.action, err = d.Registry.LookupAction(ref.Destination, ref.Action); err != nil {
		// A newer worker may know it: worth a retry, and clear in the Web UI.
		return planned{}, err
	}
	if p.settings, err = d.Store.Settings(ctx, ref.Destination); err != nil {
		return planned{}, err
	}
	if p.plan, err = destinations.PlanOf(p.dest, p.action, p.settings); err != nil {
		d.Logger.Error("settings are left aside", "destination", ref.Destination, "action", ref.Action, "error", err)
	}
	return p, nil
}

func loadedBy(o destinations.Outcome) Loaded {
	var l Loaded
	for _, r := range o.Results {
		switch r.State {
		case store.JobSucceeded:
			l.Succeeded++
		case store.JobFailed:
			l.Failed++
		case store.JobDiscarded:
			l.Discarded++
		case store.JobUnknown:
			l.Unknown++
		case store.JobAwaiting:
			l.Untried++
		}
	}
	return l
}

func distinct(refs []ActionRef) []ActionRef {
	var all []ActionRef
	for _, ref := range refs {
		if !slices.Contains(all, ref) {
			all = append(all, ref)
		}
	}
	return all
}

// maxReason bounds why a destination is ill where it stands in histories, in characters.
const maxReason = 300

func brief(text string) string {
	if runes := []rune(plain(text)); len(runes) > maxReason {
		return fmt.Sprintf("%s...", string(runes[:maxReason]))
	}
	return plain(text)
}

// untilGrace returns a context that ends a while after the worker has begun to stop, and at
// once if it is stopping already: nothing new is begun then.
func untilGrace(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	stopping := activity.GetWorkerStopChannel(ctx)
	ctx, cancel := context.WithCancelCause(ctx)
	stopped := fmt.Errorf("%w: %w", errWorkerStopping, context.Canceled)
	select {
	case <-stopping:
		cancel(stopped)
		return ctx, func() {}
	default:
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-quit:
			return
		case <-stopping:
		}
		select {
		case <-quit:
		case <-time.After(grace):
			cancel(stopped)
		}
	}()
	return ctx, func() { close(quit); <-done; cancel(nil) }
}
