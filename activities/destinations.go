package activities

import (
	"context"
	"fmt"
	"log/slog"
	"time"

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
	// Grace is how long batches in flight may take when the worker is told to stop. It ends
	// before the worker does, so that their results can be recorded. Defaults to 0.
	Grace time.Duration
	// Observer hears what became of jobs. Defaults to nobody.
	Observer DeliveryObserver
	// ReportIdle is how long a drain of a realtime action has nothing to do before it ends to
	// report its results. Defaults to 1 s.
	ReportIdle time.Duration
	// MaxPollGap is how long the producer may be without a successful poll. After that its drains
	// fail, so that workers that reach PostgreSQL take them. Defaults to 25 s.
	MaxPollGap time.Duration
	// Logger takes what is worth an operator's attention. Required.
	Logger *slog.Logger
	// Service is this process, as destinations are told. Defaults to none.
	Service *destinations.Service

	producer producer
	recorder recorder
}

// DeliveryObserver receives the results of jobs. Its methods may be called concurrently.
type DeliveryObserver interface {
	// Delivered says that batches have brought so many jobs to a state, which is recorded.
	Delivered(ref ActionRef, state string, jobs int)
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

// maxReason bounds why a destination is ill where it stands in histories, in characters.
const maxReason = 300

func brief(text string) string {
	if runes := []rune(plain(text)); len(runes) > maxReason {
		return fmt.Sprintf("%s...", string(runes[:maxReason]))
	}
	return plain(text)
}
