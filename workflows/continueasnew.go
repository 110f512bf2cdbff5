package workflows

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/store"
)

// Bounds of one run of a workflow that waits for commands: then it continues as a new run. The
// server refuses updates beyond 2,000 a run, and terminates a run of 51,200 events.
const (
	maxRunEvents   = 1500
	maxRunCommands = 200
	// maxFinalEvents bounds a run that waits for its activities to stop: from then on, commands
	// are for the next run.
	maxFinalEvents = maxRunEvents + 200
)

// CarriedSignal is a command that came as a signal while a run was continuing as the next,
// which carries it out.
type CarriedSignal struct {
	Name     string          `json:"name"`
	Argument json.RawMessage `json:"argument"`
}

// maxCarried bounds the arguments of all signals that are carried, in bytes.
const maxCarried = 32 << 10

// long says whether the run has taken so many commands, or has so long a history, that it is
// to continue as a new one.
func (r *importRun) long(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return r.orders.taken >= maxRunCommands || info.GetCurrentHistoryLength() >= maxRunEvents ||
		info.GetContinueAsNewSuggested() && r.waits() != ""
}

// tooLong says whether a run that is about to continue as a new one takes no more commands.
func tooLong(ctx workflow.Context) bool {
	return workflow.GetInfo(ctx).GetCurrentHistoryLength() >= maxFinalEvents
}

// watch ends the work of a run that is long enough, by cancelling it: what is loading stops at
// its checkpoint, whatever the import waits for. It leaves alone a run that is carrying a
// decision out or that is ending.
func (r *importRun) watch(ctx workflow.Context, stop workflow.CancelFunc) {
	workflow.GoNamed(ctx, "continue-as-new", func(ctx workflow.Context) {
		if err := workflow.Await(ctx, func() bool { return r.long(ctx) && !r.deciding() }); err != nil {
			return
		}
		r.orders.continuing = true
		stop()
	})
}

// deciding says whether a decision is being carried out, or the end has begun.
func (r *importRun) deciding() bool {
	return r.ending || r.orders.cancelling != nil || r.review.busy ||
		slices.ContainsFunc(r.parts, func(p *partRun) bool { return p.decision != "" })
}

// continues says whether the work of the run has stopped for the next run, given its error.
func (r *importRun) continues(ctx workflow.Context, err error) bool {
	return r.orders.continuing && r.orders.cancelling == nil && ctx.Err() == nil &&
		err != nil && (temporal.IsCanceledError(err) || !isPermanent(err))
}

// continueAsNew goes on in a new run, with a short history. A cancellation that has come
// meanwhile is its error: the next run would not know of it.
func (r *importRun) continueAsNew(ctx workflow.Context) error {
	r.orders.continuing, r.orders.closing = true, true
	settled, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	if err := workflow.Await(settled, func() bool { return r.orders.answered(ctx) }); err != nil {
		return err
	}
	if r.orders.cancelling != nil || ctx.Err() != nil {
		return temporal.NewCanceledError()
	}
	next := ImportInput{
		ImportID: r.in.ImportID, Resumed: r.plan.Total > 0, Checked: r.checked && r.plan.Total == 0, Epoch: r.epoch,
		Paused: r.turns.paused, RowsPerSecond: r.in.RowsPerSecond, Seen: r.orders.seen, Signals: r.orders.carried,
	}
	switch r.phase {
	case store.PhaseReviewing, store.PhaseStagingDone, store.PhaseFinalize:
		next.InReview = r.plan.Review
	}
	for _, part := range r.parts {
		if part.Parked && (part.status == store.PartPending || part.status == store.PartRunning) {
			// The store may know it as parked until its next attempt has begun.
			next.Retrying = append(next.Retrying, part.No)
		}
	}
	return workflow.NewContinueAsNewError(ctx, TypeImport, next)
}

// beginAgain continues as a new run that loads what the store knows as open: the store was
// restored, and this run is ahead of it.
func (r *importRun) beginAgain(ctx workflow.Context) error {
	err := r.note(ctx, store.LevelWarn, "Parts are open that the workflow had loaded: the store was restored. "+
		"They are loaded again from the last checkpoints.")
	if err != nil {
		return err
	}
	// Its parts come before its review.
	r.phase = store.PhaseLoading
	return r.continueAsNew(ctx)
}

// isContinueAsNew says whether an error ends a run that the next one continues.
func isContinueAsNew(err error) bool {
	var again *workflow.ContinueAsNewError
	return errors.As(err, &again)
}

// errContinues refuses a command that the next run can carry out.
func errContinues() error {
	return temporal.NewNonRetryableApplicationError(
		"the workflow continues as a new run: repeat the command", TypeOtherRun, nil)
}

// answered says whether all orders have been carried out, those among them that came as
// signals and were not looked at yet.
func (o *orders) answered(ctx workflow.Context) bool {
	for _, signals := range o.signals {
		if signals.Len() > 0 {
			return false
		}
	}
	return workflow.AllHandlersFinished(ctx) && o.underWay == 0
}

// carry keeps a signal for the next run. The error says why it is refused.
func (o *orders) carry(name string, argument converter.RawValue) error {
	text, err := jsonOf(argument.Payload())
	if err != nil {
		return err
	}
	if !json.Valid(text) {
		return errors.New("the argument is not JSON")
	}
	size := len(text)
	for _, carried := range o.carried {
		size += len(carried.Argument)
	}
	if size > maxCarried {
		return fmt.Errorf("the workflow continues as a new run, with over %d bytes of signals: send it again", maxCarried)
	}
	o.carried = append(o.carried, CarriedSignal{Name: name, Argument: text})
	return nil
}

// carriedTo returns the arguments of the signals of that name that an earlier run has left,
// as they would come from the server.
func (o *orders) carriedTo(name string) (arguments []converter.RawValue) {
	for _, signal := range o.inherited {
		if signal.Name == name {
			arguments = append(arguments, converter.NewRawValue(&commonpb.Payload{
				Metadata: map[string][]byte{converter.MetadataEncoding: []byte(converter.MetadataEncodingJSON)},
				Data:     signal.Argument,
			}))
		}
	}
	return arguments
}
