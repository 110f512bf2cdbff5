package delivery

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// eventBatch turns events into the arrays of the statement that adds them.
type eventBatch struct {
	params db.AddEventsParams
	wholes []pendingEvent
}

// pendingEvent is an event that is being added, as far as its result needs it.
type pendingEvent struct {
	id, source, key string
	jobs            []string
	faults          []FlowFault
	parts           []pendingEvent
}

// add adds an event with its parts and jobs.
func (b *eventBatch) add(n NewEvent) error {
	row, err := newEventRow(n)
	if err != nil {
		return err
	}
	p := &b.params
	p.Ids, p.Sources, p.Names = append(p.Ids, row.id), append(p.Sources, n.Source), append(p.Names, n.Name)
	p.Versions, p.Keys, p.Sent = append(p.Versions, n.Version), append(p.Keys, n.IdempotencyKey), append(p.Sent, row.sent)
	p.Contexts, p.Data = append(p.Contexts, row.context), append(p.Data, row.data)
	whole := pendingEvent{id: row.id, source: n.Source, key: n.IdempotencyKey, faults: b.addFaults(row.id, n.Faults)}
	if whole.jobs, err = b.addJobs(row, n.Jobs); err != nil {
		return err
	}
	for i, sub := range n.SubEvents {
		part, err := b.addPart(row.id, sub)
		if err != nil {
			return fmt.Errorf("part %d: %w", i+1, err)
		}
		whole.parts = append(whole.parts, part)
	}
	b.wholes = append(b.wholes, whole)
	return nil
}

func (b *eventBatch) addPart(parent string, n NewEvent) (pendingEvent, error) {
	if len(n.SubEvents) > 0 {
		return pendingEvent{}, errors.New("a part of an event has parts: want none")
	}
	row, err := newEventRow(n)
	if err != nil {
		return pendingEvent{}, err
	}
	p := &b.params
	p.PartIds, p.PartParents = append(p.PartIds, row.id), append(p.PartParents, parent)
	p.PartSources, p.PartNames = append(p.PartSources, n.Source), append(p.PartNames, n.Name)
	p.PartVersions, p.PartKeys = append(p.PartVersions, n.Version), append(p.PartKeys, n.IdempotencyKey)
	p.PartContexts, p.PartData = append(p.PartContexts, row.context), append(p.PartData, row.data)
	p.PartSent = append(p.PartSent, row.sent)
	part := pendingEvent{id: row.id, source: n.Source, key: n.IdempotencyKey, faults: b.addFaults(row.id, n.Faults)}
	part.jobs, err = b.addJobs(row, n.Jobs)
	return part, err
}

// eventRow has the columns of an event that differ from its request.
type eventRow struct {
	id, sent      string
	context, data json.RawMessage
}

func newEventRow(n NewEvent) (row eventRow, err error) {
	var faults [3]error
	row.context, faults[0] = payload("context", n.Context)
	row.data, faults[1] = payload("data", n.Data)
	if row.id = n.ID; row.id == "" {
		row.id, faults[2] = store.NewID()
	}
	row.sent = timestamp(n.SentAt)
	return row, errors.Join(faults[:]...)
}

// addJobs adds the jobs of an event.
func (b *eventBatch) addJobs(event eventRow, jobs []NewJob) (ids []string, err error) {
	for _, n := range jobs {
		context, sent, id := event.context, event.sent, n.ID
		var faults [3]error
		if len(n.Context) > 0 {
			context, faults[0] = payload("context", n.Context)
		}
		data, err := payload("data", n.Data)
		faults[1] = err
		if id == "" {
			id, faults[2] = store.NewID()
		}
		if err := errors.Join(faults[:]...); err != nil {
			return nil, fmt.Errorf("job of %s/%s: %w", n.Destination, n.Action, err)
		}
		if !n.SentAt.IsZero() {
			sent = timestamp(n.SentAt)
		}
		p := &b.params
		p.JobIds, p.JobEvents = append(p.JobIds, id), append(p.JobEvents, event.id)
		p.JobDestinations, p.JobActions = append(p.JobDestinations, n.Destination), append(p.JobActions, n.Action)
		p.JobVersions, p.JobContexts = append(p.JobVersions, n.Version), append(p.JobContexts, context)
		p.JobData, p.JobSent = append(p.JobData, data), append(p.JobSent, sent)
		p.JobDue, p.JobUnprepared = append(p.JobDue, timestamp(n.DueAt)), append(p.JobUnprepared, n.Unprepared)
		ids = append(ids, id)
	}
	return ids, nil
}

// addFaults adds the flows for which an event is kept.
func (b *eventBatch) addFaults(event string, faults []FlowFault) []FlowFault {
	p := &b.params
	for _, f := range faults {
		p.FaultFlows, p.FaultEvents = append(p.FaultFlows, f.Flow), append(p.FaultEvents, event)
		p.FaultReasons = append(p.FaultReasons, f.reason())
	}
	return faults
}

// timestamp writes a time for PostgreSQL, "" for none.
func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
