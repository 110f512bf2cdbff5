package starter

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/flow"
	"github.com/sluicehq/sluice/store"
)

// flows are the rules in force, compiled anew when they change.
type flows struct {
	mu sync.Mutex
	// versions says what the program was compiled from.
	versions string
	program  *flow.Program
}

// flowJobs returns the jobs that the flows in force make of an event. What a flow cannot
// make sense of is an error: the sender is told, and nothing is stored.
func (d *Destinations) flowJobs(ctx context.Context, event destinations.Event) ([]store.NewJob, error) {
	program, err := d.flowProgram(ctx)
	if err != nil || program == nil {
		return nil, err
	}
	return flow.Jobs(program.Decide(ctx, d.toolkit, d.versions, event))
}

// flowProgram returns the flows in force, nil if there are none.
func (d *Destinations) flowProgram(ctx context.Context) (*flow.Program, error) {
	stored, err := d.cfg.Store.Flows(ctx)
	if err != nil || len(stored) == 0 {
		return nil, err
	}
	var versions strings.Builder
	for _, f := range stored {
		fmt.Fprintf(&versions, "%s %d\n", f.Name, f.Version)
	}
	d.flows.mu.Lock()
	defer d.flows.mu.Unlock()
	if d.flows.versions == versions.String() {
		return d.flows.program, nil
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
	d.flows.program, d.flows.versions = program, versions.String()
	return program, nil
}
