package importing

import (
	"errors"
	"fmt"
	"strings"
	"time"

	humanize "github.com/dustin/go-humanize"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/internal/inbound"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
)

// State is the answer to the query state.
type State struct {
	ImportID int64  `json:"import_id"`
	Phase    string `json:"phase"`
	// Paused says that the import is paused.
	Paused bool `json:"paused,omitempty"`
	// Waiting says what it waits for, and WaitUntil until when, if that is known.
	Waiting   string     `json:"waiting,omitempty"`
	WaitUntil *time.Time `json:"wait_until,omitempty"`
	// RowsPerSecond is how fast it may load; 0 is as fast as it goes.
	RowsPerSecond int64       `json:"rows_per_second,omitempty"`
	Days          string      `json:"days,omitempty"`
	Parts         []PartState `json:"parts"`
}

// PartState is a part in State.
type PartState struct {
	Part   int32  `json:"part"`
	Label  string `json:"label"`
	Status string `json:"status"`
	Reason string `json:"reason,omitempty"`
}

// Line is a line that the workflow has written to the import's log.
type Line struct {
	At      time.Time `json:"at"`
	Level   string    `json:"level"`
	Message string    `json:"message"`
}

// serve answers queries and takes commands from now on.
func (r *importRun) serve(ctx workflow.Context) error {
	r.gate.paused = r.in.Paused
	r.commands.SeenKeys, r.commands.Refusals = r.in.Seen, r.in.Refused
	r.followParts(ctx)
	return errors.Join(
		workflow.SetQueryHandlerWithOptions(ctx, workflows.QueryState, func() (State, error) { return r.state(), nil },
			workflow.QueryHandlerOptions{Description: "Phase of the import and status of its parts."}),
		workflow.SetQueryHandlerWithOptions(ctx, workflows.QueryProgress,
			func() (Progress, error) { return r.progress(), nil },
			workflow.QueryHandlerOptions{Description: "Rows of the parts, as of their last report."}),
		workflow.SetQueryHandlerWithOptions(ctx, workflows.QueryFeedback, func() ([]Line, error) { return r.lines, nil },
			workflow.QueryHandlerOptions{Description: "What the workflow itself has written to the import's log."}),
		r.handleCommands(ctx),
	)
}

func (r *importRun) state() State {
	s := State{
		ImportID: r.in.ImportID, Phase: r.phase, Days: r.plan.Days, Parts: []PartState{},
		Paused: r.gate.paused, Waiting: r.waiting, RowsPerSecond: r.plan.RowsPerSecond,
	}
	if until := r.gate.until; !until.IsZero() {
		s.WaitUntil = &until
	}
	for _, part := range r.parts {
		s.Parts = append(s.Parts, PartState{Part: part.No, Label: part.Label, Status: part.status, Reason: part.reason})
	}
	return s
}

// maxShownReason bounds the reason in the Web UI's details, which the server bounds.
const maxShownReason = 4000

// maxDescribed is how many parts the Web UI's details list.
const maxDescribed = 50

// describe shows phase and parts as the run's current details in the Web UI.
func (r *importRun) describe(ctx workflow.Context) {
	var text strings.Builder
	fmt.Fprintf(&text, "Phase **%s**", r.phase)
	if r.gate.paused {
		text.WriteString(", **paused**")
	}
	text.WriteString(r.waits())
	if r.reason != "" {
		fmt.Fprintf(&text, ": %s", inbound.CutLines(r.reason, maxShownReason))
	}
	if r.plan.Total > 0 {
		p := r.progress()
		fmt.Fprintf(&text, ". %d of %d parts done, %s rows loaded\n\n",
			p.PartsDone, p.PartsTotal, humanize.Comma(p.RowsLoaded))
		text.WriteString("| Part | Status | Rows loaded | Reason |\n| --- | --- | --- | --- |\n")
	}
	for i, part := range r.parts {
		if i == maxDescribed {
			fmt.Fprintf(&text, "| ... and %d more | | | |\n", len(r.parts)-i)
			break
		}
		fmt.Fprintf(&text, "| %d %s | %s | %s | %s |\n", part.No, workflows.Cell(part.Label), part.status,
			humanize.Comma(part.figures().RowsLoaded), workflows.Cell(part.reason))
	}
	workflow.SetCurrentDetails(ctx, text.String())
}

// waits says what the import waits for, and who can do something about it.
func (r *importRun) waits() string {
	switch until := r.gate.until; {
	case !until.IsZero():
		return fmt.Sprintf(", waits until %s: %s", until.UTC().Format(time.RFC3339), r.waiting)
	case r.waiting != "":
		return ", waiting for " + r.waiting
	case r.ending || r.phase != importstore.PhaseLoading || !r.awaitsDecisions():
		return ""
	}
	parked := 0
	for _, part := range r.parts {
		if part.status == importstore.PartParked {
			parked++
		}
	}
	parts := "1 part has"
	if parked > 1 {
		parts = fmt.Sprintf("%d parts have", parked)
	}
	return fmt.Sprintf(", **parked**: %s failed too often. Send the update %#q or %#q for each, or %#q",
		parts, workflows.CommandRetryPart, workflows.CommandSkipPart, workflows.CommandCancel)
}
