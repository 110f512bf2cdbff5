// Package delivery has the activities that deliver jobs to destinations and purge old events.
package delivery

import (
	"context"
	"log/slog"
	"time"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// Destinations has the activities that deliver jobs.
type Destinations struct {
	// Store is the system of record. Required.
	Store *deliverystore.Store
	// Registry has the destinations. Required.
	Registry *destinations.Registry
	// Connections opens the connections that jobs name. Defaults to none.
	Connections connections.Opener
	// Versions resolves the versions of chained jobs. Required.
	Versions *destinations.Versions
	// Circuit says when the circuit of a connection opens. Defaults to the store's defaults.
	Circuit deliverystore.CircuitRule
	// Grace is how long batches in flight may take after the worker was asked to stop. It must leave
	// time to record their results. Defaults to 0.
	Grace time.Duration
	// Observer receives the results of jobs. Defaults to none.
	Observer DeliveryObserver
	// ReportIdle is how long a drain of a realtime action is idle before it ends to report its
	// results. Defaults to 1 s.
	ReportIdle time.Duration
	// MaxPollGap is how long the producer may be without a successful poll. After that its drains
	// fail, so that workers that reach PostgreSQL take them. Defaults to 25 s.
	MaxPollGap time.Duration
	// Logger receives what needs an operator's attention. Required.
	Logger *slog.Logger
	// Service is the kind of this process, passed to destinations. Defaults to none.
	Service *destinations.Service

	producer producer
	recorder recorder
}

// DeliveryObserver receives the results of jobs. Its methods may be called concurrently.
type DeliveryObserver interface {
	// Delivered receives how many jobs a batch has moved to a state, after that was recorded.
	Delivered(ref ActionRef, state string, jobs int)
}

// observe reports recorded outcomes to the observer.
func (d *Destinations) observe(ref ActionRef, outcomes []deliverystore.JobOutcome, recorded []string) {
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

// planned is an action with its settings and its plan.
type planned struct {
	dest     destinations.Destination
	action   destinations.Action
	settings map[string]deliverystore.Settings
	plan     destinations.Plan
}

// plan returns an action with its plan. A setting that the program cannot use is logged and ignored.
func (d *Destinations) plan(ctx context.Context, ref ActionRef) (p planned, err error) {
	if p.dest, p.action, err = d.Registry.LookupAction(ref.Destination, ref.Action); err != nil {
		// A newer worker may have the action: the activity is retried, and the Web UI shows why.
		return planned{}, err
	}
	if p.settings, err = d.Store.Settings(ctx, ref.Destination); err != nil {
		return planned{}, err
	}
	if p.plan, err = destinations.PlanOf(p.dest, p.action, SettingsOf(p.settings)); err != nil {
		d.Logger.Error("invalid settings are ignored", "destination", ref.Destination, "action", ref.Action, "error", err)
	}
	return p, nil
}

// countJobs counts the jobs of an outcome by state.
func countJobs(o destinations.Outcome) JobCounts {
	var l JobCounts
	for _, r := range o.Results {
		switch r.State {
		case destinations.StateSucceeded:
			l.Succeeded++
		case destinations.StateFailed:
			l.Failed++
		case destinations.StateDiscarded:
			l.Discarded++
		case destinations.StateUnknown:
			l.Unknown++
		case destinations.StateAwaiting:
			l.Untried++
		}
	}
	return l
}

// maxReason bounds the reason of an unhealthy connection in histories, in bytes of JSON.
const maxReason = 300
