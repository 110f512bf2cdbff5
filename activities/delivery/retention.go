package delivery

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/sluicehq/sluice/activities"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// Retentions take away events that are too old.
type Retentions struct {
	Store *deliverystore.Store
}

// RetentionRule says which events go.
type RetentionRule struct {
	// KeepSeconds is how long events are kept after they were received.
	KeepSeconds int64 `json:"keep_seconds"`
	// States are those in which all their jobs must be.
	States []string `json:"states"`
	// Sources and NotSources bound where they came from. Default to anywhere.
	Sources    []string `json:"sources,omitempty"`
	NotSources []string `json:"not_sources,omitempty"`
}

// PurgeProgress is how far a purge has come.
type PurgeProgress struct {
	// Before is when the events were received, at the latest.
	Before time.Time `json:"before"`
	// After is the last purged event.
	After deliverystore.PurgeCursor `json:"after"`
	// Events, Jobs and Transitions are what was taken away so far.
	Events      int64 `json:"events"`
	Jobs        int64 `json:"jobs"`
	Transitions int64 `json:"transitions"`
	// Done says that nothing is left.
	Done bool `json:"done"`
}

// PurgeRequest requests the next batch of a purge.
type PurgeRequest struct {
	Rule     RetentionRule `json:"rule"`
	Progress PurgeProgress `json:"progress"`
}

// purgeSteps is how many transactions an attempt makes, of up to 500 events each.
const purgeSteps = 20

// PurgeEvents takes away the next events that are too old, 10,000 at most. What has gone is
// gone: an attempt that fails after some steps answers with those, and the next request runs
// into the fault anew if it is still there. Only an attempt whose worker dies is not counted.
func (r *Retentions) PurgeEvents(ctx context.Context, request PurgeRequest) (PurgeProgress, error) {
	rule := deliverystore.Retention{
		ReceivedBefore: request.Progress.Before, States: request.Rule.States,
		Sources: request.Rule.Sources, NotSources: request.Rule.NotSources,
	}
	p := request.Progress
	for step := range purgeSteps {
		purged, after, done, err := r.Store.PurgeStep(ctx, rule, p.After)
		if err != nil {
			if step == 0 {
				return PurgeProgress{}, activities.Failure(err)
			}
			activity.GetLogger(ctx).Warn("purging events was interrupted", "error", err)
			return p, nil
		}
		p.Events, p.Jobs, p.Transitions = p.Events+purged.Events, p.Jobs+purged.Jobs, p.Transitions+purged.Transitions
		p.After, p.Done = after, done
		if done {
			break
		}
	}
	if p.Done {
		activity.GetLogger(ctx).Info("events purged",
			"received_before", p.Before, "events", p.Events, "jobs", p.Jobs, "transitions", p.Transitions)
	}
	return p, nil
}
