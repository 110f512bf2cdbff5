package workflows

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/store"
)

// HandoverInput starts a Handover workflow.
type HandoverInput struct {
	activities.Handover
	// Carried is what an earlier run has left, if there was one.
	Carried *CarriedHandover `json:"carried,omitempty"`
}

// CarriedHandover is what one run of a Handover leaves to the next.
type CarriedHandover struct {
	// Next is where the rows go on.
	Next activities.RowCursor `json:"next"`
	// Handed is what the runs before have handed over.
	Handed activities.HandedOver `json:"handed"`
}

// HandoverResult is what was handed over.
type HandoverResult struct {
	activities.HandedOver
	// Stopped says why not everything was, if it was not.
	Stopped string `json:"stopped,omitempty"`
}

// HandoverProgress is the answer of a Handover to the query progress.
type HandoverProgress struct {
	HandoverResult
	// RowsTotal is how many rows there are to hand over.
	RowsTotal int64 `json:"rows_total"`
	// Next is where the next page begins.
	Next activities.RowCursor `json:"next"`
}

// handoverRun is the state of one run of a Handover.
type handoverRun struct {
	in     HandoverInput
	result HandoverResult
	next   activities.RowCursor
}

// maxPages is how many pages one run hands over, six events each, before it continues as a
// new one; maxTold how many rows that cannot be handed over are written to the import's log.
const (
	maxPages = 150
	maxTold  = 20
)

// Handover hands the end of an import over to the actions of destinations, and each of its
// rows, as far as flows want them: as events, under keys that are the same each time. It is
// started by the Import, and outlives it. Flows are those that are in force when a page is
// handed over.
func Handover(ctx workflow.Context, in HandoverInput) (HandoverResult, error) {
	r := &handoverRun{in: in}
	if in.Carried != nil {
		r.next, r.result.HandedOver = in.Carried.Next, in.Carried.Handed
	}
	answer := func() (HandoverProgress, error) { return r.progress(), nil }
	err := workflow.SetQueryHandlerWithOptions(ctx, QueryProgress, answer,
		workflow.QueryHandlerOptions{Description: "What was handed over so far."})
	if err != nil {
		return HandoverResult{}, err
	}
	err = r.handOver(ctx)
	var again *workflow.ContinueAsNewError
	if errors.As(err, &again) {
		return HandoverResult{}, err
	}
	if temporal.IsCanceledError(err) {
		r.result.Stopped = "cancelled"
	}
	// Whatever was not handed over is said where people look for it.
	told, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	if tellErr := r.tell(told); err == nil {
		err = tellErr
	}
	return r.result, err
}

// handOver hands over everything, or as much as one run may.
func (r *handoverRun) handOver(ctx workflow.Context) error {
	r.describe(ctx)
	if r.in.End && r.in.Carried == nil {
		var handed activities.HandedOver
		options := handingOver(ctx, "hand over how it has ended")
		if err := workflow.ExecuteActivity(options, ActivityHandOverEnd, r.in.Handover).Get(ctx, &handed); err != nil {
			return err
		}
		r.result.Add(handed)
		r.describe(ctx)
	}
	if !r.in.Records {
		return nil
	}
	for pages := 0; ; pages++ {
		if pages == maxPages || pages > 0 && workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return r.continueAsNew(ctx)
		}
		more, err := r.page(ctx)
		if err != nil || !more {
			return err
		}
		r.describe(ctx)
	}
}

// page hands over a page of rows.
func (r *handoverRun) page(ctx workflow.Context) (more bool, err error) {
	page := activities.HandoverPage{Handover: r.in.Handover, From: r.next, Tell: max(0, maxTold-r.result.Told)}
	options := handingOver(ctx, fmt.Sprintf("hand over rows from %d of %d", r.result.Rows+1, r.in.RowsLoaded))
	var handed activities.HandedPage
	if err := workflow.ExecuteActivity(options, ActivityHandOverRows, page).Get(ctx, &handed); err != nil {
		return false, err
	}
	r.result.Add(handed.HandedOver)
	r.result.Stopped = handed.Stopped
	if handed.Next == nil {
		return false, nil
	}
	r.next = *handed.Next
	return true, nil
}

// continueAsNew goes on in a new run, with a short history.
func (r *handoverRun) continueAsNew(ctx workflow.Context) error {
	if ctx.Err() != nil {
		// The next run would not know that it was cancelled.
		return ctx.Err()
	}
	return workflow.NewContinueAsNewError(ctx, TypeHandover, HandoverInput{
		Handover: r.in.Handover, Carried: &CarriedHandover{Next: r.next, Handed: r.result.HandedOver},
	})
}

func (r *handoverRun) progress() HandoverProgress {
	p := HandoverProgress{HandoverResult: r.result, Next: r.next}
	if r.in.Records {
		p.RowsTotal = r.in.RowsLoaded
	}
	return p
}

// describe shows how far it is as the run's current details in the Web UI.
func (r *handoverRun) describe(ctx workflow.Context) {
	p := r.progress()
	text := fmt.Sprintf("Import **%d** of **%s** has ended as **%s**: %s made",
		r.in.ImportID, r.in.Site, r.in.Status, countOf(p.Jobs, "job"))
	if r.in.Records {
		text += fmt.Sprintf(", %d of %s handed over", p.Rows, countOf(p.RowsTotal, "row"))
	}
	if p.Unfit > 0 {
		text += fmt.Sprintf(", %d unfit", p.Unfit)
	}
	workflow.SetCurrentDetails(ctx, text)
}

// tell writes to the import's log what was handed over, and what was not.
func (r *handoverRun) tell(ctx workflow.Context) error {
	note := activities.Note{ImportID: r.in.ImportID, Level: store.LevelInfo, Message: "Handed over by flows: "}
	if r.in.Records {
		note.Message += countOf(r.result.Rows, "row") + ", "
	}
	note.Message += countOf(r.result.Jobs, "job") + "."
	warn := func(format string, args ...any) {
		note.Level = store.LevelWarn
		note.Message += fmt.Sprintf(format, args...)
	}
	if n := r.result.Unfit; n > 0 {
		warn(" Flows or actions could not make sense of %d, of which the log names %d.", n, r.result.Told)
	}
	if n := r.result.Missing; n > 0 {
		warn(" The warehouse no longer has %d rows.", n)
	}
	if why := r.result.Stopped; why != "" {
		warn(" The rest is not handed over: %s.", why)
	}
	return execute(bookkeeping(ctx, "say what was handed over"), ActivityNote, note)
}

// countOf counts things.
func countOf[N int | int64](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
