package delivery

import (
	"context"
	"encoding/json"
	"fmt"

	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// ApplyOptions say how flows are applied.
type ApplyOptions struct {
	// Prune removes all other flows. Defaults to false.
	Prune bool
	// By names the person who applies them.
	By string
}

// AppliedFlows are the changes of Apply.
type AppliedFlows struct {
	Changes []FlowChange
	// Replayed are the results of replaying the events that were kept for changed flows. A replay that failed before it
	// did anything is not among them.
	Replayed []FlowReplay
}

// FlowReplay is the result of replaying the events that were kept for a flow.
type FlowReplay struct {
	Flow string
	Replayed
}

// Diff returns the changes that Apply would make, in the order of the flows, followed by removals by name.
func (f Flows) Diff(ctx context.Context, set FlowSet, prune bool) ([]FlowChange, error) {
	stored, err := stored(set, ApplyOptions{Prune: prune})
	if err != nil {
		return nil, err
	}
	stored.DryRun = true
	changes, err := f.Store.Deliveries.ApplyFlows(ctx, stored)
	return changesOf(changes), err
}

// Apply adds, changes and removes flows in one transaction, then replays the events that are kept for the flows of the
// set, also for unchanged ones: an earlier replay may have been interrupted. Those of disabled flows stay kept. It is
// idempotent: an unchanged flow keeps its version. If a replay fails, the flows are applied nevertheless, and the
// result has what was done.
func (f Flows) Apply(ctx context.Context, set FlowSet, o ApplyOptions) (applied AppliedFlows, err error) {
	stored, err := stored(set, o)
	if err != nil {
		return applied, err
	}
	changes, err := f.Store.Deliveries.ApplyFlows(ctx, stored)
	if err != nil {
		return applied, err
	}
	applied.Changes = changesOf(changes)
	kept, err := f.Store.Deliveries.FlowFaults(ctx)
	if err != nil {
		return applied, err
	}
	for i := range set.Flows {
		one := &set.Flows[i]
		if one.Disabled || kept[one.Name].Events == 0 {
			continue
		}
		r := FlowReplay{Flow: one.Name}
		client, err := f.Client(ctx)
		if err == nil {
			r.Replayed, err = client.ReplayFlow(ctx, one.Name)
		}
		if err == nil || r.Replayed != (Replayed{}) {
			applied.Replayed = append(applied.Replayed, r)
		}
		if err != nil {
			return applied, fmt.Errorf("applied the flows, but failed to replay the events kept for flow %[1]s "+
				"(retry with `sluice flow replay %[1]s`): %[2]w", one.Name, err)
		}
	}
	return applied, nil
}

// stored returns flows as the store takes them.
func stored(set FlowSet, o ApplyOptions) (deliverystore.FlowSet, error) {
	s := deliverystore.FlowSet{Prune: o.Prune, By: o.By}
	for _, one := range set.Flows {
		spec, err := json.Marshal(one)
		if err != nil {
			return s, fmt.Errorf("encode flow %s: %w", one.Name, err)
		}
		s.Flows = append(s.Flows, deliverystore.FlowSpec{Name: one.Name, Spec: spec})
	}
	return s, nil
}

func changesOf(changes []deliverystore.FlowChange) []FlowChange {
	all := make([]FlowChange, len(changes))
	for i, c := range changes {
		all[i] = FlowChange{
			Name: c.Name, Change: c.Change, Version: c.Version, Before: orNull(c.Before), After: orNull(c.After),
		}
	}
	return all
}
