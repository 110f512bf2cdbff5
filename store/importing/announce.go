package importing

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// What is announced about imports.
const (
	// EventCompleted means that the import's rows are visible.
	EventCompleted = "completed"
	// EventUnchanged means that there was nothing new to import.
	EventUnchanged = "unchanged"
	// EventFailed means that the import ended with an error.
	EventFailed = "failed"
	// EventCancelled means that the import was cancelled.
	EventCancelled = "cancelled"
	// EventDeclined means that a reviewer has declined the import.
	EventDeclined = "declined"
	// EventParked means that parts have exhausted their retries, and that the import waits
	// for a command: retry or skip them, or cancel. Other parts may still be loading.
	EventParked = "parked"
	// EventReviewWanted means that the import waits for a decision.
	EventReviewWanted = "review_wanted"
	// EventReviewReminder means that it still does.
	EventReviewReminder = "review_reminder"
	// EventRetrying means that an activity has failed and is retried. Only listeners receive it.
	EventRetrying = "retrying"
)

// JobsChannel is the PostgreSQL channel that notifies listeners of ends and retries of imports:
// {"event": "complete" | "transient_fail" | "parked" | "fail", "import_id": 1, "site_id": 1}.
const JobsChannel = "analytics_imports_jobs"

// The events on JobsChannel.
const (
	// JobComplete means that an import has ended as completed or unchanged.
	JobComplete = "complete"
	// JobTransientFail means that an activity of an import has failed and is retried.
	JobTransientFail = "transient_fail"
	// JobParked means that an import waits for a decision about a part.
	JobParked = "parked"
	// JobFail means that an import has failed, or was cancelled or declined.
	JobFail = "fail"
)

// JobEvent returns the event on JobsChannel for an event of an import, "" for none.
func JobEvent(event string) string {
	switch event {
	case EventCompleted, EventUnchanged:
		return JobComplete
	case EventRetrying:
		return JobTransientFail
	case EventFailed, EventCancelled, EventDeclined:
		return JobFail
	case EventParked:
		return JobParked
	default:
		return ""
	}
}

// JobMessage is a message on JobsChannel.
type JobMessage struct {
	// Event is one of the constants that begin with Job.
	Event string `json:"event"`
	// ImportID is the import's number.
	ImportID int64 `json:"import_id"`
	// SiteID is the number of its site.
	SiteID int64 `json:"site_id"`
}

// Announcement is what is announced: the data of a notification's event. Fields are only
// ever added.
type Announcement struct {
	// ID names the announcement: repeated, it stays the same.
	ID string `json:"id"`
	// Event is one of the constants that begin with Event.
	Event string `json:"event"`
	// Import is the import at that moment.
	Import AnnouncedImport `json:"import"`
	// Detail says more where there is more to say, such as who has declined and why.
	Detail string `json:"detail,omitempty"`
	// OccurredAt is when it happened.
	OccurredAt time.Time `json:"occurred_at"`
}

// AnnouncedImport is an import at the moment of an announcement.
type AnnouncedImport struct {
	ID     int64  `json:"id"`
	Site   string `json:"site"`
	Source string `json:"source"`
	Label  string `json:"label"`
	Status string `json:"status"`
	// StartDate and EndDate are the first and last day that the source has; null until
	// that is known.
	StartDate *calendar.Day `json:"start_date"`
	EndDate   *calendar.Day `json:"end_date"`
	// Days are those that are imported.
	Days           calendar.Set `json:"days"`
	RowsRead       int64        `json:"rows_read"`
	RowsLoaded     int64        `json:"rows_loaded"`
	RowsRejected   int64        `json:"rows_rejected"`
	RowsOutOfRange int64        `json:"rows_out_of_range"`
	RowsLeftOut    int64        `json:"rows_left_out"`
	// Warnings is how many warnings the import's log has.
	Warnings int64 `json:"warnings"`
	// PartsSkipped is how many parts were skipped.
	PartsSkipped int64 `json:"parts_skipped"`
	// Error and ErrorClass say why it failed.
	Error       string `json:"error"`
	ErrorClass  string `json:"error_class"`
	RequestedBy string `json:"requested_by"`
	// ReviewExpiresAt is until when a decision is awaited; null if none is.
	ReviewExpiresAt *time.Time `json:"review_expires_at"`
}

// Announcer passes announcements on, beside those to listeners. Its method is called in the transaction of
// the change, also concurrently. An error undoes the change.
type Announcer interface {
	// Announce writes in the caller's transaction alone. addresses are the e-mail addresses of the import
	// and of its site. Repeated with the same ID, it has no effect.
	Announce(ctx context.Context, q *db.Queries, a Announcement, addresses []string) error
}

// Announce notifies listeners and recipients of an event, in the caller's transaction: they are notified
// if and only if it commits. The caller changes the import's row before, and calls it once for each
// change; a repetition in the same generation of the import has no effect.
func (s *Store) Announce(ctx context.Context, q *db.Queries, importID int64, event, detail string) error {
	return s.announceAs(ctx, q, announcedEvent{importID: importID, event: event, detail: detail})
}

// announcedEvent is an event of an import that is announced.
type announcedEvent struct {
	importID      int64
	event, detail string
	// no numbers repeated events in a generation of an import, from 1. Each is announced.
	no int
	// about distinguishes repeated events by their subject.
	about string
}

// announceAs is Announce for an event that may happen more than once. EventRetrying is for
// listeners only.
func (s *Store) announceAs(ctx context.Context, q *db.Queries, e announcedEvent) error {
	facts, err := q.ImportFacts(ctx, e.importID)
	if err != nil {
		return fmt.Errorf("announce %s: %w", e.event, store.Found(err, "import %d", e.importID))
	}
	if e.event != EventRetrying && s.announcer != nil {
		addresses := slices.Concat(facts.Notify, facts.Contacts)
		if err := s.announcer.Announce(ctx, q, announcement(facts, e), addresses); err != nil {
			return fmt.Errorf("notify of %s of import %d: %w", e.event, e.importID, err)
		}
	}
	job := JobEvent(e.event)
	if job == "" {
		return nil
	}
	message, err := json.Marshal(JobMessage{Event: job, ImportID: facts.ID, SiteID: facts.SiteID})
	if err == nil {
		err = q.SendNotify(ctx, JobsChannel, string(message))
	}
	if err != nil {
		return fmt.Errorf("notify listeners of import %d: %w", e.importID, err)
	}
	return nil
}

// announcement returns what is announced.
func announcement(f db.ImportFactsRow, e announcedEvent) Announcement {
	id := fmt.Sprintf("imp_%d_%d_%s", f.ID, f.Generation, e.event)
	if e.no > 1 {
		id += fmt.Sprintf("_%d", e.no)
	}
	if e.about != "" {
		id += "_" + e.about
	}
	a := Announcement{
		ID: id, Event: e.event,
		Import: AnnouncedImport{
			ID: f.ID, Site: f.Domain, Source: f.Source, Label: f.Label, Status: f.Status,
			StartDate: f.StartDate, EndDate: f.EndDate, Days: f.Days,
			RowsRead: f.RowsRead, RowsLoaded: f.RowsLoaded, RowsRejected: f.RowsRejected, RowsOutOfRange: f.RowsOutOfRange,
			RowsLeftOut: f.RowsLeftOut, Warnings: f.Warnings,
			PartsSkipped: f.PartsSkipped, Error: f.Error, ErrorClass: f.ErrorClass, RequestedBy: f.RequestedBy,
			ReviewExpiresAt: f.ReviewExpiresAt,
		},
		Detail: store.Plain(e.detail), OccurredAt: time.Now().UTC(),
	}
	if a.Import.Days == nil {
		a.Import.Days = calendar.Set{}
	}
	return a
}
