package starter

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/flow"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/db"
)

// flows are the rules in force, compiled anew when they change.
type flows struct {
	mu sync.Mutex
	// versions says what the program was compiled from.
	versions []db.FlowVersionsInForceRow
	program  *flow.Program
}

// flowJobs returns the jobs that the flows in force make of an event. What a flow cannot
// make sense of is an error: the sender is told, and nothing is stored.
func (d *Destinations) flowJobs(
	ctx context.Context, program *flow.Program, event destinations.Event,
) ([]store.NewJob, error) {
	if program == nil {
		return nil, nil
	}
	return flow.Jobs(program.Decide(ctx, d.toolkit, d.versions, event))
}

// flowProgram returns the flows in force, nil if there are none. Only their versions are
// read, as long as those stay the same.
func (d *Destinations) flowProgram(ctx context.Context) (*flow.Program, error) {
	versions, err := d.cfg.Store.FlowVersionsInForce(ctx)
	if err != nil {
		return nil, fmt.Errorf("read which flows are in force: %w", err)
	}
	if len(versions) == 0 {
		return nil, nil
	}
	d.flows.mu.Lock()
	defer d.flows.mu.Unlock()
	if slices.Equal(d.flows.versions, versions) {
		return d.flows.program, nil
	}
	stored, err := d.cfg.Store.Flows(ctx)
	if err != nil {
		return nil, err
	}
	versions = versions[:0]
	for _, f := range stored {
		versions = append(versions, db.FlowVersionsInForceRow{Name: f.Name, Version: f.Version})
	}
	rules := make([]flow.Flow, len(stored))
	for i, f := range stored {
		if err := json.Unmarshal(f.Spec, &rules[i]); err != nil {
			return nil, fmt.Errorf("flow %s: %w", f.Name, err)
		}
	}
	program, err := flow.Compile(d.cfg.Registry, rules)
	if err != nil {
		return nil, fmt.Errorf("the flows in force: %w", err)
	}
	d.flows.program, d.flows.versions = program, versions
	return program, nil
}
