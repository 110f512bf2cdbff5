package starter

import (
	"context"
	"fmt"
	"slices"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/registry"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// actions returns the actions of a destination that this process or a live worker has. The error names
// the known destinations.
func (d *Destinations) actions(ctx context.Context, destination string) ([]string, error) {
	dest, unknown := d.cfg.Registry.Lookup(destination)
	var names []string
	if unknown == nil {
		for _, a := range dest.Actions() {
			names = append(names, a.Name())
		}
		return names, nil
	}
	workers, err := d.cfg.Store.LiveWorkers(ctx)
	if err != nil {
		return nil, err
	}
	valid := d.cfg.Registry.Names()
	for _, offered := range workers.Offers().Destinations {
		if offered.Name == destination {
			return offered.Actions, nil
		}
		valid = append(valid, offered.Name)
	}
	return nil, registry.Unknown("destination", destination, slices.Compact(slices.Sorted(slices.Values(valid))))
}

// checkAction returns an error for an action that neither this process nor a live worker has. The error
// names the known ones.
func (d *Destinations) checkAction(ctx context.Context, ref deliveryacts.ActionRef) error {
	names, err := d.actions(ctx, ref.Destination)
	if err == nil && !slices.Contains(names, ref.Action) {
		err = registry.Unknown("action", ref.Action, slices.Sorted(slices.Values(names)))
		err = fmt.Errorf("%s: %w", ref.Destination, err)
	}
	return err
}

// jobFor makes the job of an event for an action. If this process does not have the destination but a live
// worker does, the job is unprepared.
func (d *Destinations) jobFor(
	ctx context.Context, ref deliveryacts.ActionRef, event destinations.Event,
) (job deliverystore.NewJob, made bool, err error) {
	if err := d.checkAction(ctx, ref); err != nil {
		return deliverystore.NewJob{}, false, err
	}
	dest, action, err := d.cfg.Registry.LookupAction(ref.Destination, ref.Action)
	if err != nil {
		unprepared, err := destinations.UnpreparedJob(ref.Destination, ref.Action, event)
		return deliverystore.NewJob(unprepared), err == nil, mark(err, ErrInvalid)
	}
	marshalled, made, err := destinations.MakeJob(ctx, d.toolkit, d.versions, dest, action, event)
	return deliverystore.NewJob(marshalled), made, mark(err, ErrInvalid)
}
