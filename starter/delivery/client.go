// Package delivery is the typed client of the delivery: it adds events, replays them through flows,
// and starts and controls the actions of destinations. Requests that are wrong in themselves are
// starter.ErrInvalid, refused commands starter.ErrRefused, commands that no worker answers
// starter.ErrNoWorker.
package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/groupcommit"
	"github.com/sluicehq/sluice/starter/internal/call"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	"github.com/sluicehq/sluice/workflows"
	deliveryworkflows "github.com/sluicehq/sluice/workflows/delivery"
)

// Config is what a Client needs.
type Config struct {
	// Temporal is the client of the namespace that the workers poll. Required.
	Temporal client.Client
	// Store is the system of record. Required.
	Store *dispatchstore.Store
	// Registry knows the destinations. Required.
	Registry *destinations.Registry
	// Logger receives the log messages of destinations. Defaults to none.
	Logger *slog.Logger
	// Service is the kind of this process, passed to destinations. Defaults to a gateway.
	Service *destinations.Service
	// AnswerTimeout bounds how long commands wait for a worker. Defaults to 10s.
	AnswerTimeout time.Duration
}

// Validate reports every fault.
func (c Config) Validate() error {
	var faults []error
	if c.Temporal == nil || c.Store == nil || c.Registry == nil {
		faults = append(faults, errors.New("destinations: want a Temporal client, a store and a registry"))
	}
	if c.AnswerTimeout < 0 {
		faults = append(faults, fmt.Errorf("destinations: the answer timeout is %s: want 0 or more", c.AnswerTimeout))
	}
	return errors.Join(faults...)
}

// Client adds events and controls their delivery. It is safe for concurrent use, and meant to be
// shared: concurrent calls of AddEvent share transactions.
type Client struct {
	cfg      Config
	toolkit  *destinations.Toolkit
	versions *destinations.Versions
	flows    flows
	adding   groupcommit.Group[*eventCall]
}

// New returns a Client, or every fault of the configuration.
func New(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Service == nil {
		cfg.Service = destinations.NewService(destinations.ServiceGateway)
	}
	cfg.AnswerTimeout = cmp.Or(cfg.AnswerTimeout, call.DefaultAnswerTimeout)
	c := &Client{
		cfg: cfg, toolkit: &destinations.Toolkit{Logger: cfg.Logger, Service: cfg.Service},
		versions: &destinations.Versions{Logger: cfg.Logger},
	}
	c.adding.Do = c.addEvents
	return c, nil
}

// Registry returns the destinations of this process.
func (c *Client) Registry() *destinations.Registry { return c.cfg.Registry }

// Start starts the workflows of a destination's actions. Those that already run read their settings
// again. It is idempotent. The error is that of Temporal.
func (c *Client) Start(ctx context.Context, dest destinations.Destination) error {
	in := deliveryworkflows.DestinationInput{Destination: dest.Name()}
	for _, action := range dest.Actions() {
		in.Actions = append(in.Actions, action.Name())
	}
	_, err := c.cfg.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.DestinationID(dest.Name()), TaskQueue: workflows.QueueMain,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		// It ends after it has started the actions.
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		StaticSummary:         "start the actions of " + dest.Name(),
	}, workflows.TypeDestination, in)
	if err != nil {
		return fmt.Errorf("start destination %s: %w", dest.Name(), err)
	}
	return nil
}

// Wake sends the signal enqueue to actions, which reports new jobs. It starts their workflows if they do
// not run. Jobs of AddEvents need no signal. The error joins those of Temporal, one for each action that was
// not reached; the others are woken.
func (c *Client) Wake(ctx context.Context, refs []deliveryacts.ActionRef) error {
	var faults []error
	for _, ref := range refs {
		if err := c.signalEnqueue(ctx, ref); err != nil {
			faults = append(faults, fmt.Errorf("wake %s/%s: %w", ref.Destination, ref.Action, err))
		}
	}
	return errors.Join(faults...)
}

// notify notifies the producers of new jobs. After an error they find the jobs by polling.
func (c *Client) notify(ctx context.Context, jobs []deliverystore.NewJob) {
	var actions []deliverystore.ActionName
	for _, job := range jobs {
		name := deliverystore.ActionName{Destination: job.Destination, Action: job.Action}
		if !slices.Contains(actions, name) {
			actions = append(actions, name)
		}
	}
	if err := c.cfg.Store.Deliveries.NotifyJobs(ctx, actions); err != nil {
		c.cfg.Logger.Warn("could not notify producers of new jobs", "error", err)
	}
}

// signalEnqueue sends the signal enqueue to the workflow of an action.
func (c *Client) signalEnqueue(ctx context.Context, ref deliveryacts.ActionRef) error {
	id := workflows.DestinationActionID(ref.Destination, ref.Action)
	_, err := c.cfg.Temporal.SignalWithStartWorkflow(ctx, id, workflows.SignalEnqueue, nil, client.StartWorkflowOptions{
		ID: id, TaskQueue: workflows.QueueMain,
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		StaticSummary:         deliveryworkflows.ActionSummary(ref.Destination, ref.Action),
		StaticDetails:         deliveryworkflows.ActionDetails(ref.Destination, ref.Action),
	}, workflows.TypeDestinationAction, deliveryworkflows.DestinationActionInput{
		Destination: ref.Destination, Action: ref.Action,
	})
	return err
}
