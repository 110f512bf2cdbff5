package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/sluicehq/sluice/store/db"
)

// Rows about flows.
type (
	// Flow is a rule by which events become jobs, as JSON.
	Flow = db.Flow
	// FlowVersion is what a flow was from a moment on; without a Spec it was removed then.
	FlowVersion = db.FlowVersion
)

// FlowSpec is a flow that there is to be.
type FlowSpec struct {
	// Name is its key.
	Name string
	// Spec is a JSON object.
	Spec json.RawMessage
}

// FlowSet is a set of flows that there are to be.
type FlowSet struct {
	Flows []FlowSpec
	// Prune removes all other flows. Defaults to leaving them alone.
	Prune bool
	// By says who changes them.
	By string
	// DryRun changes nothing, and only says what would be.
	DryRun bool
}

// What becomes of a flow.
const (
	FlowAdded     = "added"
	FlowChanged   = "changed"
	FlowRemoved   = "removed"
	FlowUnchanged = "unchanged"
)

// FlowChange is what has become of a flow, or would.
type FlowChange struct {
	Name string
	// Change is FlowAdded, FlowChanged, FlowRemoved or FlowUnchanged.
	Change string
	// Before and After are its specifications, nil where there is none.
	Before, After json.RawMessage
	// Version is the new one, the present one if nothing has changed, and 0 for a dry run.
	Version int64
}

// ApplyFlows makes the flows what a set says, in one transaction: everything or nothing.
// Flows that are so already keep their versions, so it may be called again at will. Changes
// are in the order of the set, removals behind them by name.
func (s *Store) ApplyFlows(ctx context.Context, set FlowSet) (changes []FlowChange, err error) {
	err = s.inTx(ctx, func(q *db.Queries) error {
		if !set.DryRun {
			if err := q.LockFlows(ctx); err != nil {
				return fmt.Errorf("lock flows: %w", err)
			}
		}
		present, err := q.ListFlows(ctx)
		if err != nil {
			return fmt.Errorf("read flows: %w", err)
		}
		if changes, err = flowChanges(present, set); err != nil || set.DryRun {
			return err
		}
		for i := range changes {
			if err := changeFlow(ctx, q, &changes[i], set.By); err != nil {
				return fmt.Errorf("flow %s: %w", changes[i].Name, asPayload(err))
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("apply flows: %w", err)
	}
	return changes, nil
}

// flowChanges compares what there is with what there is to be.
func flowChanges(present []Flow, set FlowSet) ([]FlowChange, error) {
	before, wanted := map[string]Flow{}, map[string]bool{}
	for _, f := range present {
		before[f.Name] = f
	}
	var changes []FlowChange
	for _, f := range set.Flows {
		if wanted[f.Name] {
			return nil, fmt.Errorf("flow %s is there twice", f.Name)
		}
		wanted[f.Name] = true
		old, known := before[f.Name]
		change := FlowChange{Name: f.Name, Change: FlowAdded, After: f.Spec}
		if known {
			same, err := sameJSON(old.Spec, f.Spec)
			if err != nil {
				return nil, fmt.Errorf("flow %s: %w", f.Name, err)
			}
			change.Change, change.Before = FlowChanged, old.Spec
			if same {
				change.Change, change.Version = FlowUnchanged, old.Version
			}
		}
		changes = append(changes, change)
	}
	for _, f := range present {
		if set.Prune && !wanted[f.Name] {
			changes = append(changes, FlowChange{Name: f.Name, Change: FlowRemoved, Before: f.Spec})
		}
	}
	return changes, nil
}

// sameJSON compares values, not texts: PostgreSQL keeps JSON in a form of its own.
func sameJSON(a, b json.RawMessage) (bool, error) {
	var x, y any
	if err := errors.Join(json.Unmarshal(a, &x), json.Unmarshal(b, &y)); err != nil {
		return false, fmt.Errorf("%w: %w", ErrPayload, err)
	}
	return reflect.DeepEqual(x, y), nil
}

func changeFlow(ctx context.Context, q *db.Queries, change *FlowChange, by string) (err error) {
	if change.Change == FlowUnchanged {
		return nil
	}
	note := db.NoteFlowParams{Name: change.Name, Spec: change.After, By: by}
	if change.Version, err = q.NoteFlow(ctx, note); err != nil {
		return err
	}
	if change.Change == FlowRemoved {
		return errors.Join(q.RemoveFlow(ctx, change.Name), q.DropFlowFaults(ctx, change.Name))
	}
	return q.PutFlow(ctx, db.PutFlowParams{Name: change.Name, Spec: change.After, Version: change.Version, UpdatedBy: by})
}

// Flows returns all flows, by name.
func (s *Store) Flows(ctx context.Context) ([]Flow, error) {
	all, err := s.ListFlows(ctx)
	if err != nil {
		return nil, fmt.Errorf("read flows: %w", err)
	}
	return all, nil
}

// Flow returns a flow, or ErrNotFound.
func (s *Store) Flow(ctx context.Context, name string) (Flow, error) {
	flow, err := s.FlowByName(ctx, name)
	return flow, found(err, "flow %s", name)
}
