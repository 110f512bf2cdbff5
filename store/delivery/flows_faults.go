package delivery

import (
	"context"
	"fmt"

	"github.com/sluicehq/sluice/internal/inbound"
	"github.com/sluicehq/sluice/store/internal/db"
)

// FlowFaultCount is how many events are kept for a failed flow, with its last error.
type FlowFaultCount = db.CountFlowFaultsRow

// FlowFault is the failure of a flow for an event, which is kept for a replay.
type FlowFault struct {
	// Flow is the flow's name, Reason its error. Reason may quote personal data of the event: it must
	// not be logged.
	Flow, Reason string
}

// maxFaultReason bounds a reason, in bytes of JSON.
const maxFaultReason = 1000

func (f FlowFault) reason() string { return inbound.Cut(inbound.Clean(f.Reason), maxFaultReason) }

// FlowFaults returns the flows for which events are kept, by name.
func (s *Store) FlowFaults(ctx context.Context) (map[string]FlowFaultCount, error) {
	rows, err := s.sql.Queries.CountFlowFaults(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the failed flows: %w", err)
	}
	all := make(map[string]FlowFaultCount, len(rows))
	for _, row := range rows {
		all[row.Flow] = row
	}
	return all, nil
}

// ReplayFlow adds a flow's jobs of a kept event and stops keeping the event. It reports whether the event
// was kept: of two replays one adds jobs.
func (s *Store) ReplayFlow(ctx context.Context, flow string, event Event, jobs []NewJob) (bool, error) {
	var b eventBatch
	row := eventRow{id: event.ID, context: event.Context}
	if event.SentAt != nil {
		row.sent = timestamp(*event.SentAt)
	}
	if _, err := b.addJobs(row, jobs); err != nil {
		return false, err
	}
	p := b.params
	replayed, err := s.sql.Queries.ReplayFlowFault(ctx, db.ReplayFlowFaultParams{
		Flow: flow, EventID: event.ID, JobIds: p.JobIds, JobDestinations: p.JobDestinations, JobActions: p.JobActions,
		JobVersions: p.JobVersions, JobContexts: p.JobContexts, JobData: p.JobData, JobSent: p.JobSent, JobDue: p.JobDue,
		JobUnprepared: p.JobUnprepared,
	})
	if err != nil {
		return false, fmt.Errorf("replay event %s for flow %s: %w", event.ID, flow, asPayload(err))
	}
	return replayed, nil
}

// FailFlow records the error of an event that is kept for a flow and has failed again.
func (s *Store) FailFlow(ctx context.Context, event string, f FlowFault) error {
	note := db.NoteFlowFaultParams{Flow: f.Flow, EventID: event, Reason: f.reason()}
	if err := s.sql.Queries.NoteFlowFault(ctx, note); err != nil {
		return fmt.Errorf("record the error of event %s in flow %s: %w", event, f.Flow, err)
	}
	return nil
}

// KeptForFlow returns up to limit events that are kept for a flow, oldest first, after the event after; ""
// begins with the first.
func (s *Store) KeptForFlow(ctx context.Context, flow, after string, limit int32) ([]Event, error) {
	rows, err := s.sql.Queries.FlowFaultEvents(ctx, db.FlowFaultEventsParams{Flow: flow, After: after, RowLimit: limit})
	if err != nil {
		return nil, fmt.Errorf("read the events that are kept for flow %s: %w", flow, err)
	}
	return rows, nil
}
