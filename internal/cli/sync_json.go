package cli

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
	"github.com/sluicehq/sluice/starter"
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

// syncJSON is the JSON form of a sync. Fields are only ever added.
type syncJSON struct {
	Name           string         `json:"name"`
	From           string         `json:"from"`
	List           string         `json:"list_id"`
	To             string         `json:"to"`
	EverySeconds   int64          `json:"every_seconds"`
	Settings       map[string]any `json:"settings"`
	Latest         *time.Time     `json:"latest_timestamp"`
	ElapsedSeconds *float64       `json:"elapsed_seconds"`
	TotalUpdates   *int64         `json:"total_updates"`
	Version        int64          `json:"version"`
	Paused         bool           `json:"paused"`
	Note           string         `json:"note"`
	State          string         `json:"state"`
	CurrentTo      *time.Time     `json:"current_to"`
	SucceededAt    *time.Time     `json:"succeeded_at"`
	WokenAt        *time.Time     `json:"woken_at"`
	AlarmedAt      *time.Time     `json:"alarmed_at"`
	Rejects        int64          `json:"rejects"`
	CreatedBy      string         `json:"created_by"`
	CreatedAt      time.Time      `json:"created_at"`
	Scan           *scanJSON      `json:"scan"`
	Run            *syncRunJSON   `json:"run"`
	Counts         *countsJSON    `json:"counts"`
	Held           int64          `json:"held_opted_out"`
	Late           []lateJSON     `json:"late_errors"`
	Watch          string         `json:"watch"`
}

// scanJSON is the JSON form of the last scan for deletions.
type scanJSON struct {
	ScannedAt time.Time `json:"scanned_at"`
	Found     int64     `json:"found"`
	Missing   int64     `json:"missing"`
	Deleted   int64     `json:"deleted"`
	Exceeded  bool      `json:"exceeded"`
}

// syncRunJSON is the JSON form of a run.
type syncRunJSON struct {
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
	Error       string     `json:"error"`
	ErrorClass  string     `json:"error_class"`
	StoppedAt   *time.Time `json:"stopped_at"`
	// Find is the page that a run of the kind find searches: RUN/PAGE.
	Find       string `json:"find,omitempty"`
	AuditError string `json:"audit_error"`
	// LateErrors is the number of errors of the target's later validation that may be about records of the run, in
	// lists of runs.
	LateErrors int64      `json:"late_errors"`
	StartedAt  time.Time  `json:"started_at"`
	EndedAt    *time.Time `json:"ended_at"`
}

func syncRunView(r syncstore.Run) syncRunJSON {
	find := ""
	if r.FindRun != nil && r.FindPage != nil {
		find = syncacts.PageRef{RunID: *r.FindRun, Page: *r.FindPage}.String()
	}
	return syncRunJSON{
		ID: r.ID, Kind: r.Kind, Status: r.Status, RequestedBy: r.RequestedBy, Since: utc(r.Since), Until: r.Until.UTC(),
		Pages: r.Pages, Read: r.Read, Delivered: r.Delivered, Rejected: r.Rejected, Skipped: r.Skipped,
		Announced: r.Announced, SourceCount: r.SourceCount, Error: r.Error, ErrorClass: r.ErrorClass,
		Find: find, AuditError: r.AuditError, StoppedAt: utc(r.StoppedAt), StartedAt: r.StartedAt.UTC(),
		EndedAt: utc(r.EndedAt),
	}
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

// writeSyncJSON writes a sync as JSON.
func writeSyncJSON(ctx context.Context, s *session, rows *syncstore.Store, name string) error {
	view, err := starter.ViewSync(ctx, rows, name, time.Now())
	if err != nil {
		return explainSync(name, err)
	}
	return writeSyncView(s, view)
}

// writeSyncsJSON writes listed syncs as JSON.
func writeSyncsJSON(ctx context.Context, c *cli.Context, rows *syncstore.Store, all []syncstore.Listed) error {
	views, err := starter.ViewSyncs(ctx, rows, all, time.Now())
	if err != nil {
		return err
	}
	list := make([]syncJSON, len(views))
	for i, v := range views {
		if list[i], err = syncView(v); err != nil {
			return err
		}
	}
	return writeJSON(c, list)
}

func writeSyncView(s *session, v starter.SyncView) error {
	view, err := syncView(v)
	if err != nil {
		return err
	}
	return writeJSON(s.cli, view)
}

func syncView(v starter.SyncView) (syncJSON, error) {
	counts, err := countsView(v.Counts)
	if err != nil {
		return syncJSON{}, err
	}
	late, err := lateView(v.Late)
	if err != nil {
		return syncJSON{}, err
	}
	row := v.Row
	view := syncJSON{
		Name: row.Name, From: row.FromKind + ":" + row.FromConnection, List: row.ListID,
		To: row.ToKind + ":" + row.ToConnection, EverySeconds: row.EverySeconds, Settings: v.Settings,
		Latest: utc(row.LatestTimestamp), ElapsedSeconds: row.ElapsedSeconds, TotalUpdates: row.TotalUpdates,
		Version: row.Version, Paused: row.Paused, Note: row.Note, State: v.State,
		CurrentTo: starter.SyncedTo(row.CurrentTo, row.SucceededAt), SucceededAt: utc(row.SucceededAt),
		WokenAt: utc(row.WokenAt), AlarmedAt: utc(row.AlarmedAt), Rejects: v.Rejects,
		CreatedBy: row.CreatedBy, CreatedAt: row.CreatedAt.UTC(), Counts: counts, Held: v.Held, Late: late,
		Watch: row.Watch,
	}
	if v.Scan != nil {
		view.Scan = &scanJSON{
			ScannedAt: v.Scan.ScannedAt.UTC(), Found: v.Scan.Found, Missing: v.Scan.MissingCount, Deleted: v.Scan.Deleted,
			Exceeded: v.Scan.Exceeded,
		}
	}
	if v.Run != nil {
		run := syncRunView(*v.Run)
		view.Run = &run
	}
	return view, nil
}
