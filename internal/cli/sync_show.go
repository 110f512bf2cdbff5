package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/terminal"
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
	StartedAt   time.Time  `json:"started_at"`
	EndedAt     *time.Time `json:"ended_at"`
}

func syncRunView(r syncstore.Run) syncRunJSON {
	return syncRunJSON{
		ID: r.ID, Kind: r.Kind, Status: r.Status, RequestedBy: r.RequestedBy, Since: utc(r.Since), Until: r.Until.UTC(),
		Pages: r.Pages, Read: r.Read, Delivered: r.Delivered, Rejected: r.Rejected, Skipped: r.Skipped,
		Announced: r.Announced, SourceCount: r.SourceCount, Error: r.Error, ErrorClass: r.ErrorClass,
		StartedAt: r.StartedAt.UTC(), EndedAt: utc(r.EndedAt),
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
	return writeJSON(s.cli, syncView(view))
}

// writeSyncsJSON writes listed syncs as JSON.
func writeSyncsJSON(ctx context.Context, c *cli.Context, rows *syncstore.Store, all []syncstore.Listed) error {
	views, err := starter.ViewSyncs(ctx, rows, all, time.Now())
	if err != nil {
		return err
	}
	list := make([]syncJSON, len(views))
	for i, v := range views {
		list[i] = syncView(v)
	}
	return writeJSON(c, list)
}

func syncView(v starter.SyncView) syncJSON {
	row := v.Row
	view := syncJSON{
		Name: row.Name, From: row.FromKind + ":" + row.FromConnection, List: row.ListID,
		To: row.ToKind + ":" + row.ToConnection, EverySeconds: row.EverySeconds, Settings: v.Settings,
		Latest: utc(row.LatestTimestamp), ElapsedSeconds: row.ElapsedSeconds, TotalUpdates: row.TotalUpdates,
		Version: row.Version, Paused: row.Paused, Note: row.Note, State: v.State,
		CurrentTo: starter.SyncedTo(row.CurrentTo, row.SucceededAt), SucceededAt: utc(row.SucceededAt),
		WokenAt: utc(row.WokenAt), AlarmedAt: utc(row.AlarmedAt), Rejects: v.Rejects,
		CreatedBy: row.CreatedBy, CreatedAt: row.CreatedAt.UTC(), Watch: row.Watch,
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
	return view
}

func listSyncs(ctx context.Context, s *session) error {
	c := s.cli
	if err := noArgs(c); err != nil {
		return err
	}
	limit, err := limitFlag(c, maxListed)
	if err != nil {
		return err
	}
	rows, err := s.syncRows(ctx)
	if err != nil {
		return err
	}
	all, err := rows.List(ctx, "", limit+1)
	if err != nil {
		return err
	}
	more := len(all) > limit
	all = all[:min(limit, len(all))]
	if asJSON(c) {
		return writeSyncsJSON(ctx, c, rows, all)
	}
	if len(all) == 0 {
		return say(c, "No syncs found. Create one with `sluice sync create`.")
	}
	table := terminal.NewTable(
		"NAME", "FROM", "LIST", "TO", "EVERY", "STATE", "CURRENT TO", "REJECTS", "LAST RUN", "LAST ERROR")
	for _, one := range all {
		table.Row(one.Name, one.FromKind+":"+one.FromConnection, one.ListID, one.ToKind+":"+one.ToConnection,
			short(time.Duration(one.EverySeconds)*time.Second), syncStateCell(starter.SyncStateOf(one, time.Now())),
			currentCell(starter.SyncedTo(one.CurrentTo, one.SucceededAt)), humanize.Comma(one.Rejects),
			orDash(one.LastStatus), brief(orDash(one.LastError), 60))
	}
	if err := table.Write(c.App.Writer); err != nil || !more {
		return err
	}
	return say(c, "\nThere are more: raise --limit to list them.")
}

func syncStateCell(state string) terminal.Coloured {
	colours := map[string]terminal.Colour{
		starter.SyncCurrent: terminal.Green, starter.SyncLate: terminal.Red, starter.SyncPaused: terminal.Yellow,
		starter.SyncRunning: terminal.Cyan, starter.SyncWaiting: terminal.Cyan,
	}
	return terminal.Coloured{Text: state, Colour: colours[state]}
}

func showSync(ctx context.Context, s *session) error {
	name, err := syncArg(s.cli)
	if err != nil {
		return err
	}
	rows, err := s.syncRows(ctx)
	if err != nil {
		return err
	}
	view, err := starter.ViewSync(ctx, rows, name, time.Now())
	if err != nil {
		return explainSync(name, err)
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, syncView(view))
	}
	return writeSync(s.cli.App.Writer, view)
}

func writeSync(w io.Writer, v starter.SyncView) error {
	row, state := v.Row, syncStateCell(v.State)
	lines := [][2]string{
		{"Sync", row.Name},
		{"State", terminal.Paint(w, state.Colour, state.Text)},
		{"Note", row.Note},
		{"From", fmt.Sprintf("%s:%s, list %s", row.FromKind, row.FromConnection, row.ListID)},
		{"To", row.ToKind + ":" + row.ToConnection},
		{"State file", row.Watch},
		{"Every", short(time.Duration(row.EverySeconds) * time.Second)},
		{"Settings", settingsLine(v.Settings)},
		{"Current to", currentLine(starter.SyncedTo(row.CurrentTo, row.SucceededAt))},
		{"Alarm", optionalTime("raised", row.AlarmedAt)},
		{"Timestamp", timestampLine(row.LatestTimestamp)},
		{"Rejects", rejectsLine(v)},
		{"Deletions", scanLine(v.Scan)},
		{"Run", runLine(v.Run)},
		{"Error", errorLine(v.Run)},
	}
	var faults []error
	for _, line := range lines {
		if line[1] == "" {
			continue
		}
		name := terminal.Paint(w, terminal.Faint, fmt.Sprintf("%-10s", line[0]))
		_, err := fmt.Fprintf(w, "%s %s\n", name, terminal.Block(line[1], 11))
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// never is said of a sync whose first run has not succeeded.
const never = "never"

func currentCell(to *time.Time) string {
	if to == nil {
		return never
	}
	return when(to)
}

func currentLine(to *time.Time) string {
	if to == nil {
		return never + ": no run has succeeded yet"
	}
	return fmt.Sprintf("%s, %s", moment(*to), humanize.Time(*to))
}

func optionalTime(what string, t *time.Time) string {
	if t == nil {
		return ""
	}
	return what + " " + moment(t.UTC())
}

func timestampLine(t *time.Time) string {
	if t == nil {
		return "none: the next run is a full load"
	}
	return t.UTC().Format("2006-01-02T15:04:05")
}

func rejectsLine(v starter.SyncView) string {
	if v.Rejects == 0 {
		return "none"
	}
	return fmt.Sprintf("%s; list them with `sluice sync rejects %s`", plural(v.Rejects, "record"), v.Row.Name)
}

func scanLine(k *syncstore.Scan) string {
	if k == nil {
		return "not scanned yet"
	}
	text := fmt.Sprintf("scanned %s: %s found, %s missing, %s opted out",
		moment(k.ScannedAt.UTC()), humanize.Comma(k.Found), humanize.Comma(k.MissingCount), humanize.Comma(k.Deleted))
	if k.Exceeded {
		text += "; more are missing than max_missing allows: check the list, or raise max_missing"
	}
	return text
}

func runLine(r *syncstore.Run) string {
	if r == nil {
		return "none yet"
	}
	read := humanize.Comma(r.Read)
	if r.Announced > 0 && r.Status == syncstore.StatusRunning {
		read += " of about " + humanize.Comma(r.Announced)
	}
	text := fmt.Sprintf("%d, %s %s: %s read, %s delivered, %s rejected", r.ID, r.Kind, r.Status,
		read, humanize.Comma(r.Delivered), humanize.Comma(r.Rejected))
	if r.Skipped > 0 {
		text += fmt.Sprintf(", %s skipped", humanize.Comma(r.Skipped))
	}
	return text
}

func errorLine(r *syncstore.Run) string {
	if r == nil {
		return ""
	}
	return r.Error
}
