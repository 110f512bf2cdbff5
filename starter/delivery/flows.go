package delivery

import (
	"context"
	"fmt"
	"slices"
	"sync"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/flow"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// flows are the compiled flows. They are compiled again when they change.
type flows struct {
	mu sync.Mutex
	// versions are the versions of the compiled flows.
	versions []deliverystore.FlowInForce
	program  *flow.Program
}

// flowJobs returns the jobs of an event according to the flows, and the flows that have failed, for which
// the event is kept.
func (c *Client) flowJobs(
	ctx context.Context, program *flow.Program, event destinations.Event,
) (jobs []deliverystore.NewJob, faults []deliverystore.FlowFault) {
	if program == nil {
		return nil, nil
	}
	made, kept := flow.Split(program.Decide(ctx, c.toolkit, c.versions, event))
	for _, k := range kept {
		faults = append(faults, deliverystore.FlowFault{Flow: k.Flow, Reason: k.Err.Error()})
	}
	return deliveryacts.NewJobs(made), faults
}

// flowProgram returns the compiled flows, nil if there are none. A faulty flow does not affect the others.
// While nothing changes, only the versions are read.
func (c *Client) flowProgram(ctx context.Context) (*flow.Program, error) {
	versions, err := c.cfg.Store.Deliveries.FlowVersionsInForce(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the versions of flows: %w", err)
	}
	if len(versions) == 0 {
		return nil, nil
	}
	c.flows.mu.Lock()
	defer c.flows.mu.Unlock()
	if slices.Equal(c.flows.versions, versions) {
		return c.flows.program, nil
	}
	stored, err := c.cfg.Store.Deliveries.Flows(ctx)
	if err != nil {
		return nil, err
	}
	versions = versions[:0]
	for _, f := range stored {
		versions = append(versions, deliverystore.FlowInForce{Name: f.Name, Version: f.Version})
	}
	rules := make([]flow.Flow, len(stored))
	for i, f := range stored {
		rules[i] = flow.Read(f.Name, f.Spec)
	}
	program := flow.CompileEach(c.cfg.Registry, rules)
	for name, fault := range program.Faults() {
		// Logged once for each version, and not for each event that is kept.
		c.cfg.Logger.Error("flow is faulty: its events are kept", "flow", name, "error", fault)
	}
	c.flows.program, c.flows.versions = program, versions
	return program, nil
}
