package syncwatch

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/sync/statefile"
)

// Event says what a line is about.
type Event string

// The events of lines.
const (
	EventStarting Event = "starting"
	// EventChecking begins a look at all lists.
	EventChecking Event = "checking"
	EventUpToDate Event = "up_to_date"
	// EventRunning means that a run has not ended yet.
	EventRunning Event = "running"
	// EventBegin begins a full load or an update.
	EventBegin Event = "begin"
	// EventUpdated means that the result of a run is in the file.
	EventUpdated Event = "updated"
	// EventGone means that the entry of a run has left the file.
	EventGone Event = "gone"
	// EventWaiting means that the result of a run cannot be written into the file at present.
	EventWaiting     Event = "waiting"
	EventFailed      Event = "failed"
	EventInterrupted Event = "interrupted"
	// EventInvalid means that the file is wrong, and not used.
	EventInvalid Event = "invalid"
	// EventUnavailable means that the stack does not answer.
	EventUnavailable Event = "unavailable"
	EventSleeping    Event = "sleeping"
	EventStopping    Event = "stopping"
	EventStopped     Event = "stopped"
)

// Line is a line of the log of a watch.
type Line struct {
	Time  time.Time  `json:"time"`
	Level slog.Level `json:"level"`
	Event Event      `json:"event"`
	// ListID and Place name the entry that the line is about; no list is none.
	ListID string `json:"list_id,omitempty"`
	Place  int    `json:"place,omitempty"`
	// LatestTimestamp is up to when the list is updated, zero if it was never.
	LatestTimestamp time.Time `json:"latest_timestamp,omitzero"`
	Read            int64     `json:"read,omitempty"`
	Delivered       int64     `json:"delivered,omitempty"`
	Rejected        int64     `json:"rejected,omitempty"`
	ElapsedSeconds  float64   `json:"elapsed_seconds,omitempty"`
	Error           string    `json:"error,omitempty"`
	// Message is the line for people.
	Message string `json:"message"`
}

// String returns the line as the original importer writes it, with the time in UTC.
func (l Line) String() string {
	return fmt.Sprintf("%s %s controller: %s", l.Time.UTC().Format(time.DateTime), l.Level, l.Message)
}

// about makes a line about an entry.
func about(level slog.Level, event Event, k statefile.Key, format string, args ...any) Line {
	return Line{
		Level: level, Event: event, ListID: k.ListID, Place: k.Place,
		Message: fmt.Sprintf("list %q ", k.String()) + fmt.Sprintf(format, args...),
	}
}

// stamp writes a time as the original importer does.
func stamp(t time.Time) string { return strconv.Quote(t.UTC().Format(time.DateTime)) }

// seconds writes a duration: 60 seconds, 57.6 seconds.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Round(100*time.Millisecond).Seconds(), 'f', -1, 64) + " seconds"
}

// oneLine writes an error on one line.
func oneLine(err error) string { return strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ") }

func lineUpToDate(e statefile.Entry) Line {
	l := about(slog.LevelInfo, EventUpToDate, e.Key, "up to date, last updated on %s.", stamp(e.LatestTimestamp))
	l.LatestTimestamp = e.LatestTimestamp
	return l
}

func lineBegin(e statefile.Entry) Line {
	if e.LatestTimestamp.IsZero() {
		return about(slog.LevelInfo, EventBegin, e.Key, "has no timestamp: it is loaded in full.")
	}
	l := about(slog.LevelInfo, EventBegin, e.Key, "is due, last updated on %s: it is updated.", stamp(e.LatestTimestamp))
	l.LatestTimestamp = e.LatestTimestamp
	return l
}

// lineContinue is about a list whose timestamp is recent, and which has work left.
func lineContinue(e statefile.Entry) Line {
	l := about(slog.LevelInfo, EventBegin, e.Key,
		"has a run that is not complete, or rejected records to retry, last updated on %s: it is updated.",
		stamp(e.LatestTimestamp))
	l.LatestTimestamp = e.LatestTimestamp
	return l
}

func lineRunning(k statefile.Key, p Progress) Line {
	of := ""
	if p.Announced > 0 {
		of = fmt.Sprintf(" of about %d", p.Announced)
	}
	l := about(slog.LevelInfo, EventRunning, k, "is running: %d%s records are delivered or rejected.", p.Read, of)
	l.Read = p.Read
	return l
}

// lineDone is about the result of a run. taken says that the entry took its timestamp.
func lineDone(f Finished, taken bool) Line {
	r := f.Result
	l := about(slog.LevelInfo, EventUpdated, r.Key, "updated up to %s: %d records delivered, %d rejected, in %s.",
		stamp(r.LatestTimestamp), r.Updates, f.Rejected, seconds(r.Elapsed))
	if !taken {
		l.Message += " Its timestamp was edited meanwhile, and is kept."
	}
	return l.with(f)
}

func lineGone(f Finished) Line {
	r := f.Result
	return about(slog.LevelWarn, EventGone, r.Key,
		"has left the state file: the result of its run is not written (updated up to %s: %d delivered, %d rejected).",
		stamp(r.LatestTimestamp), r.Updates, f.Rejected).with(f)
}

// with adds the figures of a run.
func (l Line) with(f Finished) Line {
	l.LatestTimestamp, l.Delivered, l.Rejected = f.Result.LatestTimestamp, f.Result.Updates, f.Rejected
	l.Read, l.ElapsedSeconds = l.Delivered+l.Rejected, f.Result.Elapsed.Round(100*time.Millisecond).Seconds()
	return l
}

// because adds an error to a line.
func (l Line) because(err error) Line {
	l.Error = oneLine(err)
	l.Message += ": " + l.Error
	return l
}

// general makes a line that is about no list.
func general(level slog.Level, event Event, message string) Line {
	return Line{Level: level, Event: event, Message: message}
}
