package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/delay"
	"github.com/sluicehq/sluice/internal/version"
	"github.com/sluicehq/sluice/store"
)

// removeTimeout bounds the removal of a worker that stops.
const removeTimeout = 5 * time.Second

// registration is the row of this process in the table of workers.
func (w *Worker) registration() (store.LiveWorker, error) {
	id, err := store.NewID()
	if err != nil {
		return store.LiveWorker{}, fmt.Errorf("identify the worker: %w", err)
	}
	own := store.LiveWorker{
		ID: id, Process: destinations.NewService(destinations.ServiceScheduler).ID, Version: version.Version,
		Offers: store.Offers{ConnectionKinds: w.cfg.Connections.Names()},
	}
	for _, i := range w.cfg.Registry.All() {
		own.Importers = append(own.Importers, store.OfferedImporter{Name: i.Name(), Label: i.Label()})
	}
	for _, d := range w.cfg.Destinations.All() {
		offered := store.OfferedDestination{Name: d.Name(), Label: d.Label()}
		for _, a := range d.Actions() {
			offered.Actions = append(offered.Actions, a.Name())
		}
		own.Destinations = append(own.Destinations, offered)
	}
	return own, nil
}

// beat records that this process lives. An error is logged: the next beat tries again.
func (w *Worker) beat(ctx context.Context, own store.LiveWorker) {
	w.repair(ctx, "record the worker's heartbeat", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, store.WorkerHeartbeat)
		defer cancel()
		return w.store.Heartbeat(ctx, own)
	})
}

// heartbeat records every store.WorkerHeartbeat that this process lives and what it offers, until ctx
// ends. Then it removes the record: the process takes no more tasks.
func (w *Worker) heartbeat(ctx context.Context, own store.LiveWorker) {
	for range delay.Ticks(ctx, store.WorkerHeartbeat) {
		w.beat(ctx, own)
	}
	w.deregister(ctx, own)
}

// deregister removes the record of a process that stops.
func (w *Worker) deregister(ctx context.Context, own store.LiveWorker) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
	defer cancel()
	if err := w.store.RemoveWorker(ctx, own.ID); err != nil {
		w.log.Warn("could not remove the worker from the store; its record expires", "error", err)
	}
}
