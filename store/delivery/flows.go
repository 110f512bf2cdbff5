package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// Rows about flows.
type (
	// Flow is a rule that makes jobs of events, as JSON.
	Flow = db.Flow
	// FlowVersion is a version of a flow. One without a Spec is its removal.
	FlowVersion = db.FlowVersion
)

// FlowSpec specifies a flow.
type FlowSpec struct {
	// Name identifies the flow.
	Name string
	// Spec is a JSON object.
	Spec json.RawMessage
}

// FlowSet specifies a set of flows.
type FlowSet struct {
	Flows []FlowSpec
	// Prune removes all other flows. Defaults to false.
	Prune bool
	// By names the person who changes them.
	By string
	// DryRun returns the changes without making them.
	DryRun bool
}

// The changes of a flow.
const (
	FlowAdded     = "added"
	FlowChanged   = "changed"
	FlowRemoved   = "removed"
	FlowUnchanged = "unchanged"
)

// FlowChange is the change of one flow.
type FlowChange struct {
	Name string
	// Change is FlowAdded, FlowChanged, FlowRemoved or FlowUnchanged.
	Change string
	// Before and After are its specifications, nil for an added or removed flow.
	Before, After json.RawMessage
	// Version is the new version, the current one of an unchanged flow, and 0 in a dry run.
	Version int64
}

// ApplyFlows adds, changes and removes flows according to a set, in one transaction. It is idempotent: an
// unchanged flow keeps its version. Changes are in the order of the set, followed by removals by name.
func (s *Store) ApplyFlows(ctx context.Context, set FlowSet) (changes []FlowChange, err error) {
	if set.DryRun {
		return s.applyFlows(ctx, set)
	}
	err = s.Audited(ctx, store.AuditEntry{Operation: "flow.apply", SubjectType: "flow"}, func(ctx context.Context) error {
		changes, err = s.applyFlows(ctx, set)
		return err
	})
	return changes, err
}

// noteFlows says in the audit which flows were changed.
func noteFlows(ctx context.Context, changes []FlowChange) {
	before, after := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	for _, c := range changes {
		if c.Change != FlowUnchanged {
			before[c.Name], after[c.Name] = c.Before, c.After
		}
	}
	if len(after) == 0 {
		store.NoteUnchanged(ctx)
	}
	store.NoteChange(ctx, before, after)
}

func (s *Store) applyFlows(ctx context.Context, set FlowSet) (changes []FlowChange, err error) {
	err = s.sql.InTx(ctx, func(q *db.Queries) error {
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
		noteFlows(ctx, changes)
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

// flowChanges compares the stored flows with a set.
func flowChanges(present []Flow, set FlowSet) ([]FlowChange, error) {
	before, wanted := map[string]Flow{}, map[string]bool{}
	for _, f := range present {
		before[f.Name] = f
	}
	var changes []FlowChange
	for _, f := range set.Flows {
		if wanted[f.Name] {
			return nil, fmt.Errorf("flow %s is specified twice: want one specification", f.Name)
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

// sameJSON compares values, not texts: PostgreSQL does not keep the text of JSON.
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
	all, err := s.sql.Queries.ListFlows(ctx)
	if err != nil {
		return nil, fmt.Errorf("read flows: %w", err)
	}
	return all, nil
}

// Flow returns a flow, or ErrNotFound.
func (s *Store) Flow(ctx context.Context, name string) (Flow, error) {
	flow, err := s.sql.Queries.FlowByName(ctx, name)
	return flow, store.Found(err, "flow %s", name)
}
