package dispatch

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/store/internal/db"
)

// Events of syncs. Their notifications have these names.
const (
	// EventSyncLate means that a sync is not as current as it should be.
	EventSyncLate = "sync.late"
	// EventSyncRecovered means that a sync is current again after an alarm.
	EventSyncRecovered = "sync.recovered"
)

// SyncAlarm is the beginning or the end of an alarm of a sync.
type SyncAlarm struct {
	// ID identifies it: sync_NAME_NUMBER_late or sync_NAME_NUMBER_recovered.
	ID string `json:"id"`
	// Event is EventSyncLate or EventSyncRecovered.
	Event string `json:"event"`
	Sync  string `json:"sync"`
	// From and To are the connections, List the list.
	From string `json:"from"`
	To   string `json:"to"`
	List string `json:"list"`
	// EverySeconds is the time between two runs.
	EverySeconds int64 `json:"every_seconds"`
	// CurrentTo is the time up to which the target has the changes of the source.
	CurrentTo time.Time `json:"current_to"`
	// Late means that too many cycles were missed, Exceeded that a scan has found too many records missing,
	// and that deletions are not delivered. Differing means that the last full load differs too much from the
	// counts of the source, Stopped that the run was wholly rejected for too long and waits for a command.
	Late      bool `json:"late"`
	Exceeded  bool `json:"exceeded"`
	Differing bool `json:"differing"`
	Stopped   bool `json:"stopped"`
	// LastError is why the last run has failed, "" if it has not.
	LastError string `json:"last_error,omitempty"`
	// OccurredAt is when the alarm was raised or ended.
	OccurredAt time.Time `json:"occurred_at"`
}

// SyncNotifier makes the jobs that notify of alarms of syncs. Its methods are called inside transactions, and
// must do no I/O.
type SyncNotifier interface {
	// Webhooks returns the names of the connections that receive notifications.
	Webhooks() []string
	// SyncJobs returns a job for each recipient. faults are the errors of recipients that cannot be
	// notified; they name no address.
	SyncJobs(ctx context.Context, a SyncAlarm, r Recipients) (jobs []delivery.NewJob, faults []error)
}

// CheckSyncs raises the alarms of syncs that are late, and ends those of syncs that have recovered, at most
// limit, each with one notification, whichever process calls it and however often. defaultAfter is the number
// of missed cycles of syncs that set none. It needs neither Temporal nor the workflow of a sync: the absence of
// runs is noticed.
func (s *Store) CheckSyncs(
	ctx context.Context, n SyncNotifier, defaultAfter, limit int,
) (alarms []SyncAlarm, faults []error, err error) {
	err = s.sql.InTx(ctx, func(q *db.Queries) error {
		rows, err := q.AlarmingSyncs(ctx, float64(defaultAfter), int64(limit))
		if err != nil {
			return err
		}
		alarms, faults = nil, nil
		for _, row := range rows {
			a, err := turnAlarm(ctx, q, row)
			if err != nil {
				return err
			}
			bad, err := announceSync(ctx, q, n, a)
			if err != nil {
				return err
			}
			alarms, faults = append(alarms, a), append(faults, bad...)
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("check the freshness of syncs: %w", err)
	}
	return alarms, faults, nil
}

// turnAlarm raises or ends the alarm of a sync.
func turnAlarm(ctx context.Context, q *db.Queries, row db.AlarmingSyncsRow) (SyncAlarm, error) {
	a := SyncAlarm{
		Event: EventSyncLate, Sync: row.Name, From: row.FromConnection, To: row.ToConnection, List: row.ListID,
		EverySeconds: row.EverySeconds, CurrentTo: row.CurrentTo.UTC(), Late: row.Late, Exceeded: row.Exceeded,
		Differing: row.Differing, Stopped: row.Stopped, LastError: row.LastError, OccurredAt: time.Now().UTC(),
	}
	turn, suffix := q.RaiseSyncAlarm, "late"
	if row.AlarmedAt != nil {
		a.Event, turn, suffix = EventSyncRecovered, q.EndSyncAlarm, "recovered"
	}
	number, err := turn(ctx, row.Name)
	a.ID = fmt.Sprintf("sync_%s_%d_%s", row.Name, number, suffix)
	return a, err
}

// announceSync adds the event of a notification with a job for each recipient, if there is one.
func announceSync(ctx context.Context, q *db.Queries, n SyncNotifier, a SyncAlarm) (faults []error, err error) {
	if n == nil {
		return nil, nil
	}
	to, err := webhooks(ctx, q, n.Webhooks())
	if err != nil {
		return nil, err
	}
	jobs, faults := n.SyncJobs(ctx, a, to)
	if len(jobs) == 0 {
		return faults, nil
	}
	data, err := json.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("encode the alarm: %w", err)
	}
	about, err := json.Marshal(map[string]any{"sync": a.Sync})
	if err != nil {
		return nil, fmt.Errorf("encode the context of the alarm: %w", err)
	}
	return faults, delivery.AddNotifying(ctx, q, delivery.NewEvent{
		Source: SourceSluice, Name: a.Event, Context: about, Data: data, IdempotencyKey: a.ID, SentAt: a.OccurredAt,
		Jobs: jobs,
	})
}
