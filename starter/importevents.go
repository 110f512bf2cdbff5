package starter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/destinations/flow"
	"github.com/sluicehq/sluice/store"
)

// ErrReservedSource means that an event from outside claims to be an import's: flows could
// not tell it from what imports have to say.
var ErrReservedSource = errors.New("the source " + flow.SourceImport +
	" is for what imports have to say: want another name")

// addersAtOnce is how many events of an import are added at the same time by one process:
// enough for their transactions to be written together, and few enough to leave connections
// to the store for others.
const addersAtOnce = 4

// AddImportEvents makes the jobs of what an import has to say by the flows in force, stores
// each event that has some with them, and tells those of their actions that load in
// realtime, once for all of them. What no flow makes a job of is not stored: the import has
// it. The answers are in the order of the events. After an error some events may be stored;
// repeated under the same keys nothing is stored twice, and actions are told again.
func (d *Destinations) AddImportEvents(
	ctx context.Context, events []activities.ImportEvent,
) ([]activities.AddedImportEvent, error) {
	answers := make([]activities.AddedImportEvent, len(events))
	program, err := d.flowProgram(ctx)
	if err != nil || program == nil {
		return answers, err
	}
	var mu sync.Mutex
	toTell := map[activities.ActionRef]store.NewJob{}
	adders, adding := errgroup.WithContext(ctx)
	adders.SetLimit(addersAtOnce)
	for i, e := range events {
		adders.Go(func() error {
			jobs, answer, err := d.addImportEvent(adding, program, e)
			if err != nil {
				return err
			}
			answers[i] = answer
			mu.Lock()
			defer mu.Unlock()
			for _, job := range jobs {
				toTell[activities.ActionRef{Destination: job.Destination, Action: job.Action}] = job
			}
			return nil
		})
	}
	if err := adders.Wait(); err != nil {
		return nil, err
	}
	var all store.NewEvent
	for _, job := range toTell {
		all.Jobs = append(all.Jobs, job)
	}
	refs, err := d.realtime(ctx, all)
	if err == nil {
		err = d.Wake(ctx, refs)
	}
	return answers, err
}

// addImportEvent makes the jobs of one event and stores it with them, if there are any.
func (d *Destinations) addImportEvent(
	ctx context.Context, program *flow.Program, e activities.ImportEvent,
) (jobs []store.NewJob, answer activities.AddedImportEvent, err error) {
	event := e.Event
	if event.ID, err = store.NewID(); err != nil {
		return nil, answer, err
	}
	event.ReceivedAt = time.Now()
	jobs, answer.Unfit = flow.Jobs(program.Decide(ctx, d.toolkit, d.versions, event))
	if answer.Unfit != nil || len(jobs) == 0 {
		return nil, answer, nil //nolint:nilerr // that no jobs can be made of it is an answer
	}
	added, err := d.cfg.Store.AddEvent(ctx, store.NewEvent{
		ID: event.ID, Source: event.Source, Trigger: event.Trigger, Context: event.Context, Data: event.Data,
		IdempotencyKey: e.Key, SentAt: event.SentAt, Jobs: jobs,
	})
	switch {
	case err == nil:
		answer.Jobs = len(added.Jobs)
		return jobs, answer, nil
	case errors.Is(err, store.ErrPayload):
		return nil, activities.AddedImportEvent{Unfit: err}, nil
	default:
		return nil, answer, fmt.Errorf("add %s: %w", e.Key, err)
	}
}
