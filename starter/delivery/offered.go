package delivery

import (
	"context"
	"fmt"
	"slices"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/registry"
	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// actions returns the actions of a destination that this process or a live worker has. The error names
// the known destinations, and is starter.ErrInvalid and store.ErrNotFound.
func (c *Client) actions(ctx context.Context, destination string) ([]string, error) {
	dest, unknown := c.cfg.Registry.Lookup(destination)
	var names []string
	if unknown == nil {
		for _, a := range dest.Actions() {
			names = append(names, a.Name())
		}
		return names, nil
	}
	workers, err := c.cfg.Store.LiveWorkers(ctx)
	if err != nil {
		return nil, err
	}
	valid := c.cfg.Registry.Names()
	for _, offered := range workers.Offers().Destinations {
		if offered.Name == destination {
			return offered.Actions, nil
		}
		valid = append(valid, offered.Name)
	}
	unknown = registry.Unknown("destination", destination, slices.Compact(slices.Sorted(slices.Values(valid))))
	return nil, notOffered(unknown)
}

// checkAction returns an error for an action that neither this process nor a live worker has. The error
// names the known ones, and is starter.ErrInvalid and store.ErrNotFound.
func (c *Client) checkAction(ctx context.Context, ref deliveryacts.ActionRef) error {
	names, err := c.actions(ctx, ref.Destination)
	if err == nil && !slices.Contains(names, ref.Action) {
		err = registry.Unknown("action", ref.Action, slices.Sorted(slices.Values(names)))
		err = notOffered(fmt.Errorf("%s: %w", ref.Destination, err))
	}
	return err
}

// notOffered marks the error about an unknown destination or action.
func notOffered(err error) error {
	return call.Mark(call.Mark(err, call.ErrInvalid), store.ErrNotFound)
}

// jobFor makes the job of an event for an action. If this process does not have the destination but a live
// worker does, the job is unprepared.
func (c *Client) jobFor(
	ctx context.Context, ref deliveryacts.ActionRef, event destinations.Event,
) (job deliverystore.NewJob, made bool, err error) {
	if err := c.checkAction(ctx, ref); err != nil {
		return deliverystore.NewJob{}, false, err
	}
	dest, action, err := c.cfg.Registry.LookupAction(ref.Destination, ref.Action)
	if err != nil {
		unprepared, err := destinations.UnpreparedJob(ref.Destination, ref.Action, event)
		return deliverystore.NewJob(unprepared), err == nil, call.Mark(err, call.ErrInvalid)
	}
	marshalled, made, err := destinations.MakeJob(ctx, c.toolkit, c.versions, dest, action, event)
	return deliverystore.NewJob(marshalled), made, call.Mark(err, call.ErrInvalid)
}
