// Package log is the destination "log": it writes jobs to the worker's own log, for trying
// out flows and for looking at what they make.
package log

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sluicehq/sluice/destinations"
)

// Line is the data of a job.
type Line struct {
	// Level is "debug", "info", "warn" or "error". Defaults to info.
	Level string `json:"level,omitempty"`
	// Text is what there is to say. Required, at most MaxText bytes.
	Text string `json:"text" required:"true"`
	// Attributes are put beside it.
	Attributes map[string]any `json:"attributes,omitempty"`
}

// MaxText is how many bytes the text of a line can have.
const MaxText = 10_000

// New returns the destination.
func New() destinations.Destination { return destination{} }

type destination struct{}

var _ destinations.Destination = destination{}

func (destination) Name() string  { return "log" }
func (destination) Label() string { return "Log" }

// Options: a line that is written twice does no harm.
func (destination) Options() destinations.Options {
	return destinations.Options{DefaultSchedule: &destinations.Schedule{Realtime: true}, RedriveUnknown: true}
}

func (destination) Actions() []destinations.Action { return []destinations.Action{write{}} }

// write is the action "write", which writes one line a job.
type write struct{}

var _ destinations.WithData = write{}

func (write) Name() string                     { return "write" }
func (write) Schedule() *destinations.Schedule { return nil }

// Data returns a Line.
func (write) Data() any { return &Line{} }

// Marshal wants a Line for the event's data.
func (write) Marshal(_ context.Context, _ *destinations.Toolkit, e destinations.Event) (*destinations.Job, error) {
	line, _, err := parse(e.Data)
	return destinations.JobOf(line, err)
}

// Load writes the lines in order. A line that the worker's log leaves out, or cannot take, is
// none that was written.
func (write) Load(
	ctx context.Context, tk *destinations.Toolkit, q *destinations.Queue, report func(destinations.Then),
) {
	for job := range q.Jobs() {
		then := destinations.Then{Jobs: []string{job.ID}}
		line, level, err := parse(job.Data)
		switch {
		case ctx.Err() != nil:
			then.Untried, then.Error = true, ctx.Err()
		case err != nil:
			then.ForceDiscard, then.Error = true, err
		default:
			then.Error = writeLine(ctx, tk.Logger.Handler(), level, job, line)
		}
		report(then)
	}
}

// writeLine writes by the handler, which says what a logger does not: whether it has written.
func writeLine(
	ctx context.Context, h slog.Handler, level slog.Level, job destinations.QueuedJob, line Line,
) error {
	if !h.Enabled(ctx, level) {
		return destinations.WithClass(destinations.ErrorClassOperator, fmt.Errorf(
			"the worker's log leaves out lines of the level %s: want a higher level of the line, or a lower one of the log",
			level,
		))
	}
	record := slog.NewRecord(time.Now(), level, "a job was logged", 0)
	record.Add("job_id", job.ID, "event_id", job.EventID, "text", line.Text, "attributes", line.Attributes)
	if err := h.Handle(ctx, record); err != nil {
		return fmt.Errorf("write a line of the log: %w", err)
	}
	return nil
}

var levels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError, "": slog.LevelInfo,
}

func parse(data json.RawMessage) (Line, slog.Level, error) {
	var line Line
	if err := destinations.Decode(data, &line); err != nil {
		return Line{}, 0, err
	}
	var faults []error
	level, known := levels[line.Level]
	if !known {
		faults = append(faults, errors.New(`field "level" of the data: want debug, info, warn or error`))
	}
	if line.Text == "" || len(line.Text) > MaxText {
		faults = append(faults, fmt.Errorf(`field "text" of the data: want 1 to %d bytes`, MaxText))
	}
	return line, level, destinations.Join(faults...)
}
