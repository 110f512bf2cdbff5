// Package dispatch has the workflow that turns an import's end and its rows into events. It is the
// bridge between importing and delivery.
package dispatch

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	dispatchacts "github.com/sluicehq/sluice/activities/dispatch"
	importacts "github.com/sluicehq/sluice/activities/importing"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
)

// Input starts a Dispatch workflow.
type Input struct {
	importacts.Outcome
	// Carried is what an earlier run has left, if there was one.
	Carried *Carried `json:"carried,omitempty"`
}

// Carried is the state that one run of a Dispatch passes to the next.
type Carried struct {
	// Next is the position of the next page of rows.
	Next dispatchacts.RowCursor `json:"next"`
	// Handed counts what earlier runs have dispatched.
	Handed dispatchacts.Counts `json:"counts"`
}

// Result counts what was dispatched.
type Result struct {
	dispatchacts.Counts
	// Stopped is the reason why not everything was dispatched; "" if everything was.
	Stopped string `json:"stopped,omitempty"`
}

// Progress is the answer of a Dispatch to the query progress.
type Progress struct {
	Result
	// RowsTotal is how many rows there are to dispatch.
	RowsTotal int64 `json:"rows_total"`
	// Next is where the next page begins.
	Next dispatchacts.RowCursor `json:"next"`
}

// dispatchRun is the state of one run of a Dispatch.
type dispatchRun struct {
	in     Input
	result Result
	next   dispatchacts.RowCursor
}

// maxPages is how many pages one run dispatches, six events each, before it continues as a
// new one; maxTold how many rows that cannot be dispatched are written to the import's log.
const (
	maxPages = 150
	maxTold  = 20
)

// Dispatch dispatches the end of an import to the actions of destinations, and each of its
// rows, as far as flows want them: as events, under keys that are the same each time. It is
// started by the Import, and outlives it. Flows are those that are in force when a page is
// dispatched.
func Dispatch(ctx workflow.Context, in Input) (Result, error) {
	r := &dispatchRun{in: in}
	if in.Carried != nil {
		r.next, r.result.Counts = in.Carried.Next, in.Carried.Handed
	}
	answer := func() (Progress, error) { return r.progress(), nil }
	err := workflow.SetQueryHandlerWithOptions(ctx, workflows.QueryProgress, answer,
		workflow.QueryHandlerOptions{Description: "What was dispatched so far."})
	if err != nil {
		return Result{}, err
	}
	err = r.dispatch(ctx)
	if _, ok := errors.AsType[*workflow.ContinueAsNewError](err); ok {
		return Result{}, err
	}
	if temporal.IsCanceledError(err) {
		r.result.Stopped = "cancelled"
	}
	// Whatever was not dispatched is said where people look for it.
	told, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	if tellErr := r.tell(told); err == nil {
		err = tellErr
	}
	return r.result, err
}

// dispatch dispatches everything, or as much as one run may.
func (r *dispatchRun) dispatch(ctx workflow.Context) error {
	r.describe(ctx)
	if r.in.End && r.in.Carried == nil {
		var counts dispatchacts.Counts
		options := workflows.Dispatching(ctx, "dispatch how it has ended")
		if err := workflow.ExecuteActivity(options, workflows.ActivityDispatchEnd,
			r.in.Outcome).Get(ctx, &counts); err != nil {
			return err
		}
		r.result.Add(counts)
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

// page dispatches a page of rows.
func (r *dispatchRun) page(ctx workflow.Context) (more bool, err error) {
	page := dispatchacts.PageRequest{Outcome: r.in.Outcome, From: r.next, Tell: max(0, maxTold-r.result.Told)}
	options := workflows.Dispatching(ctx, fmt.Sprintf("dispatch rows from %d of %d", r.result.Rows+1, r.in.RowsLoaded))
	var counts dispatchacts.PageResult
	if err := workflow.ExecuteActivity(options, workflows.ActivityDispatchRows, page).Get(ctx, &counts); err != nil {
		return false, err
	}
	r.result.Add(counts.Counts)
	r.result.Stopped = counts.Stopped
	if counts.Next == nil {
		return false, nil
	}
	r.next = *counts.Next
	return true, nil
}

// continueAsNew continues in a new run, with a short history.
func (r *dispatchRun) continueAsNew(ctx workflow.Context) error {
	if ctx.Err() != nil {
		// The next run would not know that it was cancelled.
		return ctx.Err()
	}
	return workflow.NewContinueAsNewError(ctx, workflows.TypeDispatch, Input{
		Outcome: r.in.Outcome, Carried: &Carried{Next: r.next, Handed: r.result.Counts},
	})
}

func (r *dispatchRun) progress() Progress {
	p := Progress{Result: r.result, Next: r.next}
	if r.in.Records {
		p.RowsTotal = r.in.RowsLoaded
	}
	return p
}

// describe shows how far it is as the run's current details in the Web UI.
func (r *dispatchRun) describe(ctx workflow.Context) {
	p := r.progress()
	text := fmt.Sprintf("Import **%d** of **%s** has ended as **%s**: %s made",
		r.in.ImportID, r.in.Site, r.in.Status, countOf(p.Jobs, "job"))
	if r.in.Records {
		text += fmt.Sprintf(", %d of %s dispatched", p.Rows, countOf(p.RowsTotal, "row"))
	}
	if p.Unfit > 0 {
		text += fmt.Sprintf(", %d unfit", p.Unfit)
	}
	workflow.SetCurrentDetails(ctx, text)
}

// tell writes to the import's log what was dispatched, and what was not.
func (r *dispatchRun) tell(ctx workflow.Context) error {
	note := importacts.Note{ImportID: r.in.ImportID, Level: importstore.LevelInfo, Message: "Dispatched by flows: "}
	if r.in.Records {
		note.Message += countOf(r.result.Rows, "row") + ", "
	}
	note.Message += countOf(r.result.Jobs, "job") + "."
	warn := func(format string, args ...any) {
		note.Level = importstore.LevelWarn
		note.Message += fmt.Sprintf(format, args...)
	}
	if n := r.result.Unfit; n > 0 {
		warn(" Flows or actions could not make sense of %d, of which the log names %d.", n, r.result.Told)
	}
	if n := r.result.Missing; n > 0 {
		warn(" The warehouse no longer has %d rows.", n)
	}
	if why := r.result.Stopped; why != "" {
		warn(" The rest is not dispatched: %s.", why)
	}
	return workflows.Execute(workflows.Bookkeeping(ctx, "say what was dispatched"), workflows.ActivityNote, note)
}

// countOf counts things.
func countOf[N int | int64](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
