package syncing

import (
	"encoding/json"
	"fmt"
	"time"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
)

// Sync is a sync as programs see it: the JSON of the command line and of the API. Fields are only ever added.
type Sync struct {
	Name           string         `json:"name"`
	From           string         `json:"from"`
	List           string         `json:"list_id"`
	To             string         `json:"to"`
	EverySeconds   int64          `json:"every_seconds"`
	Settings       map[string]any `json:"settings"`
	Latest         *time.Time     `json:"latest_timestamp"`
	ElapsedSeconds *float64       `json:"elapsed_seconds"`
	TotalUpdates   *int64         `json:"total_updates"`
	// Version changes with each change of the settings.
	Version     int64      `json:"version"`
	Paused      bool       `json:"paused"`
	Note        string     `json:"note"`
	State       string     `json:"state"`
	CurrentTo   *time.Time `json:"current_to"`
	SucceededAt *time.Time `json:"succeeded_at"`
	WokenAt     *time.Time `json:"woken_at"`
	// NextRunAt is when the schedule wakes the sync next, null for one that is paused, stopped or an entry of a state
	// file.
	NextRunAt *time.Time   `json:"next_run_at"`
	AlarmedAt *time.Time   `json:"alarmed_at"`
	Rejects   int64        `json:"rejects"`
	CreatedBy string       `json:"created_by"`
	CreatedAt time.Time    `json:"created_at"`
	Scan      *Scan        `json:"scan,omitempty"`
	Run       *SyncRun     `json:"run,omitempty"`
	Counts    *Counts      `json:"counts,omitempty"`
	Held      int64        `json:"held_opted_out"`
	Late      []LateErrors `json:"late_errors"`
	// Watch is the state file that the sync is an entry of, "" for none.
	Watch string `json:"watch"`
}

// Scan is the last scan for deletions.
type Scan struct {
	ScannedAt time.Time `json:"scanned_at"`
	Found     int64     `json:"found"`
	Missing   int64     `json:"missing"`
	Deleted   int64     `json:"deleted"`
	Exceeded  bool      `json:"exceeded"`
}

// SyncRun is a run of a sync.
type SyncRun struct {
	ID          int64      `json:"id"`
	Kind        string     `json:"kind"`
	Status      string     `json:"status"`
	RequestedBy string     `json:"requested_by"`
	Since       *time.Time `json:"since"`
	Until       time.Time  `json:"until"`
	Pages       int64      `json:"pages"`
	Read        int64      `json:"read"`
	Delivered   int64      `json:"delivered"`
	Rejected    int64      `json:"rejected"`
	Skipped     int64      `json:"skipped"`
	Announced   int64      `json:"announced"`
	SourceCount *int64     `json:"source_count"`
	// Error is why the run has failed, or why its last attempt has, which is retried, while it is running.
	Error      string     `json:"error"`
	ErrorClass string     `json:"error_class"`
	StoppedAt  *time.Time `json:"stopped_at"`
	// Find is the page that a run of the kind find searches: RUN/PAGE.
	Find       string `json:"find,omitempty"`
	AuditError string `json:"audit_error"`
	// LateErrors is the number of errors of the target's later validation that may be about records of the run, in
	// lists of runs.
	LateErrors int64      `json:"late_errors"`
	StartedAt  time.Time  `json:"started_at"`
	EndedAt    *time.Time `json:"ended_at"`
}

// Counts is the comparison of a full load with the counts of the source, by the status of records.
type Counts struct {
	RunID      int64            `json:"run_id"`
	ComparedAt time.Time        `json:"compared_at"`
	Read       map[string]int64 `json:"read"`
	Before     map[string]int64 `json:"before"`
	After      map[string]int64 `json:"after"`
	Changed    int64            `json:"changed"`
	Rejected   int64            `json:"rejected"`
	Difference int64            `json:"difference"`
	Exceeded   bool             `json:"exceeded"`
}

// LateErrors are errors of the later validation of a target, with pages of a run that may have the records.
type LateErrors struct {
	ID        int64             `json:"id"`
	Since     time.Time         `json:"since"`
	Until     time.Time         `json:"until"`
	Errors    int64             `json:"errors"`
	Exact     bool              `json:"exact"`
	Reasons   []sync.ErrorCount `json:"reasons"`
	RunID     int64             `json:"run_id"`
	FirstPage int64             `json:"first_page"`
	LastPage  int64             `json:"last_page"`
	// Runs is the number of runs that may have the records, also of other syncs to the same account.
	Runs int64 `json:"runs"`
}

// RejectedRecord is a record that is not delivered. The record itself is not kept.
type RejectedRecord struct {
	ID int64 `json:"id"`
	// Key is the ID of the record in its list.
	Key     string     `json:"key"`
	Stage   string     `json:"stage"`
	Reason  string     `json:"reason"`
	RunID   *int64     `json:"run_id"`
	Times   int64      `json:"times"`
	FirstAt time.Time  `json:"first_at"`
	LastAt  time.Time  `json:"last_at"`
	RetryAt *time.Time `json:"retry_at"`
}

// HeldRecord is a record that was delivered as opted in, and that the target holds as opted out.
type HeldRecord struct {
	ID      int64     `json:"id"`
	Key     string    `json:"key"`
	FirstAt time.Time `json:"first_at"`
	LastAt  time.Time `json:"last_at"`
}

// Sync returns the sync of a view as programs see it.
func (v View) Sync() Sync {
	row := v.Row
	s := Sync{
		Name: row.Name, From: row.FromKind + ":" + row.FromConnection, List: row.ListID,
		To: row.ToKind + ":" + row.ToConnection, EverySeconds: row.EverySeconds, Settings: v.Settings,
		Latest: utc(row.LatestTimestamp), ElapsedSeconds: row.ElapsedSeconds, TotalUpdates: row.TotalUpdates,
		Version: row.Version, Paused: row.Paused, Note: row.Note, State: v.State,
		CurrentTo: SyncedTo(row.CurrentTo, row.SucceededAt), SucceededAt: utc(row.SucceededAt),
		WokenAt: utc(row.WokenAt), NextRunAt: v.NextRun, AlarmedAt: utc(row.AlarmedAt), Rejects: v.Rejects,
		CreatedBy: row.CreatedBy, CreatedAt: row.CreatedAt.UTC(), Counts: v.Counts, Held: v.Held, Late: v.Late,
		Watch: row.Watch,
	}
	if v.Scan != nil {
		s.Scan = &Scan{
			ScannedAt: v.Scan.ScannedAt.UTC(), Found: v.Scan.Found, Missing: v.Scan.MissingCount, Deleted: v.Scan.Deleted,
			Exceeded: v.Scan.Exceeded,
		}
	}
	if v.Run != nil {
		s.Run = new(runOf(*v.Run))
	}
	return s
}

func runOf(r syncstore.Run) SyncRun {
	find := ""
	if r.FindRun != nil && r.FindPage != nil {
		find = syncacts.PageRef{RunID: *r.FindRun, Page: *r.FindPage}.String()
	}
	return SyncRun{
		ID: r.ID, Kind: r.Kind, Status: r.Status, RequestedBy: r.RequestedBy, Since: utc(r.Since), Until: r.Until.UTC(),
		Pages: r.Pages, Read: r.Read, Delivered: r.Delivered, Rejected: r.Rejected, Skipped: r.Skipped,
		Announced: r.Announced, SourceCount: r.SourceCount, Error: r.Error, ErrorClass: r.ErrorClass,
		Find: find, AuditError: r.AuditError, StoppedAt: utc(r.StoppedAt), StartedAt: r.StartedAt.UTC(),
		EndedAt: utc(r.EndedAt),
	}
}

func countsOf(c syncstore.Counts) (*Counts, error) {
	counts := &Counts{
		RunID: c.RunID, ComparedAt: c.ComparedAt.UTC(), Changed: c.Changed, Rejected: c.Rejected,
		Difference: c.Difference, Exceeded: c.Exceeded,
	}
	for text, into := range map[*json.RawMessage]*map[string]int64{
		&c.CountsRead: &counts.Read, &c.CountsBefore: &counts.Before, &c.CountsAfter: &counts.After,
	} {
		if err := json.Unmarshal(*text, into); err != nil {
			return nil, fmt.Errorf("decode the counts of run %d: %w", c.RunID, err)
		}
	}
	return counts, nil
}

func lateOf(all []syncstore.LateErrors) ([]LateErrors, error) {
	late := make([]LateErrors, len(all))
	for i, e := range all {
		late[i] = LateErrors{
			ID: e.ID, Since: e.Since.UTC(), Until: e.Until.UTC(), Errors: e.Errors, Exact: e.Exact, RunID: e.RunID,
			FirstPage: e.FirstPage, LastPage: e.LastPage, Runs: e.Runs,
		}
		if err := json.Unmarshal(e.Reasons, &late[i].Reasons); err != nil {
			return nil, fmt.Errorf("decode the reasons of late errors %d: %w", e.ID, err)
		}
	}
	return late, nil
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	return new(t.UTC())
}
