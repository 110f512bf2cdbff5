package workflows

import (
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/store"
)

// RetryPart is the argument of the update retry_part.
type RetryPart struct {
	Part int32 `json:"part"`
}

// SkipPart is the argument of the update skip_part.
type SkipPart struct {
	Part int32 `json:"part"`
	// Reason says why; it goes into the import's log. Required.
	Reason string `json:"reason"`
}

// State is the answer to the query state.
type State struct {
	ImportID int64       `json:"import_id"`
	Phase    string      `json:"phase"`
	Days     string      `json:"days,omitempty"`
	Parts    []PartState `json:"parts"`
}

// PartState is a part in State.
type PartState struct {
	Part   int32  `json:"part"`
	Label  string `json:"label"`
	Status string `json:"status"`
	Reason string `json:"reason,omitempty"`
}

// Progress is the answer to the query progress: the sums of the parts that are
// done. The figures of parts that are under way are in the store.
type Progress struct {
	PartsTotal int `json:"parts_total"`
	PartsDone  int `json:"parts_done"`
	activities.PartResult
}

// serve answers queries and updates from now on.
func (r *importRun) serve(ctx workflow.Context) error {
	return errors.Join(
		workflow.SetQueryHandlerWithOptions(ctx, QueryState, func() (State, error) { return r.state(), nil },
			workflow.QueryHandlerOptions{Description: "Phase of the import and status of its parts."}),
		workflow.SetQueryHandlerWithOptions(ctx, QueryProgress, func() (Progress, error) { return r.progress(), nil },
			workflow.QueryHandlerOptions{Description: "Rows of the parts that are done."}),
		workflow.SetUpdateHandlerWithOptions(ctx, UpdateRetryPart,
			func(_ workflow.Context, u RetryPart) error { return r.decide(u.Part, decideRetry, "") },
			workflow.UpdateHandlerOptions{
				Description: "Try a parked part again: {\"part\": 0}.",
				Validator:   func(u RetryPart) error { return r.canDecide(u.Part) },
			}),
		workflow.SetUpdateHandlerWithOptions(ctx, UpdateSkipPart,
			func(_ workflow.Context, u SkipPart) error { return r.decide(u.Part, decideSkip, u.Reason) },
			workflow.UpdateHandlerOptions{
				Description: "Leave a parked part out: {\"part\": 0, \"reason\": \"...\"}.",
				Validator: func(u SkipPart) error {
					if strings.TrimSpace(u.Reason) == "" {
						return errors.New("say why the part is skipped: the reason is empty")
					}
					return r.canDecide(u.Part)
				},
			}),
	)
}

// canDecide says whether there is something to decide about a part.
func (r *importRun) canDecide(no int32) error {
	part := r.part(no)
	switch {
	case part == nil && r.plan.Total == 0:
		return errors.New("the import has no parts yet")
	case part == nil:
		return fmt.Errorf("part %d is not among the open parts: the import has %d parts, numbered from 0", no, r.plan.Total)
	case part.status != store.PartParked:
		return fmt.Errorf("part %d is %s: only a parked part can be retried or skipped", no, part.status)
	case part.decision != "":
		return fmt.Errorf("part %d is being decided about already: %s", no, part.decision)
	default:
		return nil
	}
}

func (r *importRun) decide(no int32, decision, why string) error {
	if err := r.canDecide(no); err != nil {
		return err
	}
	part := r.part(no)
	part.decision, part.why = decision, why
	return nil
}

func (r *importRun) part(no int32) *partRun {
	for _, part := range r.parts {
		if part.No == no {
			return part
		}
	}
	return nil
}

func (r *importRun) state() State {
	s := State{ImportID: r.in.ImportID, Phase: r.phase, Days: r.plan.Days, Parts: []PartState{}}
	for _, part := range r.parts {
		s.Parts = append(s.Parts, PartState{Part: part.No, Label: part.Label, Status: part.status, Reason: part.reason})
	}
	return s
}

func (r *importRun) progress() Progress {
	p := Progress{PartsTotal: r.plan.Total, PartsDone: r.plan.Total - r.plan.Open}
	for _, part := range r.parts {
		if part.status != store.PartDone && part.status != store.PartSkipped {
			continue
		}
		p.PartsDone++
		p.RowsRead += part.result.RowsRead
		p.RowsLoaded += part.result.RowsLoaded
		p.RowsRejected += part.result.RowsRejected
		p.RowsOutOfRange += part.result.RowsOutOfRange
	}
	return p
}

// maxDescribed is how many parts the Web UI's details list.
const maxDescribed = 50

// describe shows phase and parts as the run's current details in the Web UI.
func (r *importRun) describe(ctx workflow.Context) {
	var text strings.Builder
	fmt.Fprintf(&text, "Phase **%s**", r.phase)
	if r.reason != "" {
		fmt.Fprintf(&text, ": %s", r.reason)
	}
	if r.plan.Total > 0 {
		p := r.progress()
		fmt.Fprintf(&text, ", %d of %d parts done, %d rows loaded by them\n\n", p.PartsDone, p.PartsTotal, p.RowsLoaded)
		text.WriteString("| Part | Status | Rows loaded | Reason |\n| --- | --- | --- | --- |\n")
	}
	for i, part := range r.parts {
		if i == maxDescribed {
			fmt.Fprintf(&text, "| ... and %d more | | | |\n", len(r.parts)-i)
			break
		}
		fmt.Fprintf(&text, "| %d %s | %s | %d | %s |\n", part.No, cell(part.Label), part.status, part.result.RowsLoaded,
			cell(part.reason))
	}
	workflow.SetCurrentDetails(ctx, text.String())
}

// maxCell bounds a text in the table, in characters; the import's log has all of it.
const maxCell = 200

// cell makes text fit into one cell of the details' table.
func cell(text string) string {
	runes := []rune(strings.NewReplacer("|", "/", "\r", "", "\n", "; ").Replace(text))
	if len(runes) > maxCell {
		return string(runes[:maxCell]) + "..."
	}
	return string(runes)
}
