package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/sluicehq/sluice/internal/terminal"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

func listSyncs(ctx context.Context, s *session, limit int, client *syncclient.Syncs) error {
	c := s.cli
	state, err := chosenState(c, syncclient.States())
	if err != nil {
		return err
	}
	all, err := client.List(ctx, syncclient.Filter{State: state, Text: c.String("text")}, "", limit+1)
	if err != nil {
		return err
	}
	more := len(all) > limit
	all = all[:min(limit, len(all))]
	if asJSON(c) {
		views, err := client.Views(ctx, all)
		if err != nil {
			return err
		}
		list := make([]syncclient.Sync, len(views))
		for i, v := range views {
			list[i] = v.Sync()
		}
		return writeJSON(c, list)
	}
	if len(all) == 0 {
		return nothing(c, "syncs", "No syncs found. Create one with `sluice sync create`.")
	}
	table := terminal.NewTable(
		"NAME", "FROM", "LIST", "TO", "EVERY", "STATE", "CURRENT TO", "REJECTS", "LAST RUN", "LAST ERROR")
	for _, one := range all {
		table.Row(one.Name, one.FromKind+":"+one.FromConnection, one.ListID, one.ToKind+":"+one.ToConnection,
			short(time.Duration(one.EverySeconds)*time.Second), syncStateCell(syncclient.StateOf(one, time.Now())),
			whenOrNever(syncclient.SyncedTo(one.CurrentTo, one.SucceededAt)), humanize.Comma(one.Rejects),
			orDash(one.LastStatus), brief(orDash(one.LastError), 60))
	}
	if err := table.Write(c.App.Writer); err != nil || !more {
		return err
	}
	return say(c, "\nThere are more: raise --limit to list them.")
}

func syncStateCell(state string) terminal.Coloured {
	colours := map[string]terminal.Colour{
		syncclient.StateCurrent: terminal.Green, syncclient.StateLate: terminal.Red, syncclient.StatePaused: terminal.Yellow,
		syncclient.StateStopped: terminal.Red, syncclient.StateRunning: terminal.Cyan, syncclient.StateWaiting: terminal.Cyan,
	}
	return terminal.Coloured{Text: state, Colour: colours[state]}
}

func showSync(ctx context.Context, s *session, name string, client *syncclient.Syncs) error {
	view, err := client.Show(ctx, name)
	if err != nil {
		return explainSync(name, err)
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, view.Sync())
	}
	return writeSync(s.cli.App.Writer, view)
}

func writeSync(w io.Writer, v syncclient.View) error {
	row, run, state := v.Row, v.Sync().Run, syncStateCell(v.State)
	lines := [][2]string{
		{"Sync", row.Name},
		{"State", terminal.Paint(w, state.Colour, state.Text)},
		{"Note", row.Note},
		{"From", fmt.Sprintf("%s:%s, list %s", row.FromKind, row.FromConnection, row.ListID)},
		{"To", row.ToKind + ":" + row.ToConnection},
		{"State file", row.Watch},
		{"Every", short(time.Duration(row.EverySeconds) * time.Second)},
		{"Settings", settingsLine(v.Settings)},
		{"Current to", currentLine(syncclient.SyncedTo(row.CurrentTo, row.SucceededAt))},
		{"Next run", nextRunLine(v)},
		{"Alarm", optionalTime("raised", row.AlarmedAt)},
		{"Timestamp", timestampLine(row.LatestTimestamp)},
		{"Rejects", rejectsLine(v)},
		{"Late", lateLines(row.Name, v.Late)},
		{"Held", heldLine(v)},
		{"Deletions", scanLine(v.Scan)},
		{"Counts", countsLine(v.Counts)},
		{"Run", runLine(run)},
		{"Stopped", stoppedLine(v)},
		{"Error", errorLine(run)},
		{"Audit", auditLine(run)},
	}
	return writeColumns(w, 10, lines)
}

// never is said of what has no time, such as a sync whose first run has not succeeded.
const never = "never"

func currentLine(to *time.Time) string {
	if to == nil {
		return never + ": no run has succeeded yet"
	}
	return fmt.Sprintf("%s, %s", moment(*to), humanize.Time(*to))
}

// nextRunLine says when the next run is due, or what it waits for.
func nextRunLine(v syncclient.View) string {
	switch {
	case v.NextRun != nil:
		return fmt.Sprintf("%s, %s", moment(*v.NextRun), humanize.Time(*v.NextRun))
	case v.Row.Watch != "":
		return "when the watch of the state file finds the list due"
	case v.State == syncclient.StatePaused:
		return fmt.Sprintf("none: the sync is paused; resume it with `sluice sync resume %s`", v.Row.Name)
	default:
		return ""
	}
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

func rejectsLine(v syncclient.View) string {
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

func runLine(r *syncclient.SyncRun) string {
	if r == nil {
		return "none yet"
	}
	read := humanize.Comma(r.Read)
	if r.Announced > 0 && r.Status == syncstore.StatusRunning {
		read += " of about " + humanize.Comma(r.Announced)
	}
	if r.Kind == syncstore.KindFind {
		return searchLine(*r)
	}
	text := fmt.Sprintf("%d, %s %s: %s read, %s delivered, %s rejected", r.ID, r.Kind, r.Status,
		read, humanize.Comma(r.Delivered), humanize.Comma(r.Rejected))
	if r.Skipped > 0 {
		text += fmt.Sprintf(", %s skipped", humanize.Comma(r.Skipped))
	}
	return text
}

func auditLine(r *syncclient.SyncRun) string {
	if r == nil || r.AuditError == "" {
		return ""
	}
	return "the late errors of the target could not be read: " + r.AuditError
}

func errorLine(r *syncclient.SyncRun) string {
	switch {
	case r == nil || r.Error == "":
		return ""
	case r.Status == syncstore.StatusRunning:
		return "the last attempt failed, and is retried: " + r.Error
	default:
		return r.Error
	}
}
