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

// Bounds of one run of a workflow that takes commands; beyond them it continues as new. The
// server refuses updates beyond 2,000 per run and terminates a run at 51,200 events.
const (
	maxRunEvents   = 1500
	maxRunCommands = 200
	// maxFinalEvents bounds a run that waits for its activities to stop: from then on, commands
	// are for the next run.
	maxFinalEvents = maxRunEvents + 200
)

// CarriedSignal is a signal that arrived while a run was continuing as new; the next run
// executes it.
type CarriedSignal struct {
	Name     string          `json:"name"`
	Argument json.RawMessage `json:"argument"`
}

// maxCarried bounds the arguments of all carried signals together, in bytes.
const maxCarried = 32 << 10

// long reports whether the run has reached a bound and is to continue as new.
func (r *importRun) long(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return r.commands.accepted >= maxRunCommands || info.GetCurrentHistoryLength() >= maxRunEvents ||
		info.GetContinueAsNewSuggested() && r.waits() != ""
}

// tooLong reports whether a run that is about to continue as new refuses further commands.
func tooLong(ctx workflow.Context) bool {
	return workflow.GetInfo(ctx).GetCurrentHistoryLength() >= maxFinalEvents
}

// watch cancels the work of a run that is to continue as new: running parts stop at their
// checkpoints, waits end. It spares a run that is executing a decision or ending.
func (r *importRun) watch(ctx workflow.Context, stop workflow.CancelFunc) {
	workflow.GoNamed(ctx, "continue-as-new", func(ctx workflow.Context) {
		if err := workflow.Await(ctx, func() bool { return r.long(ctx) && !r.deciding() }); err != nil {
			return
		}
		r.commands.continuing = true
		stop()
	})
}

// deciding reports whether a decision is being executed or the import is ending.
func (r *importRun) deciding() bool {
	return r.ending || r.commands.cancelling != nil || r.review.busy ||
		slices.ContainsFunc(r.parts, func(p *partRun) bool { return p.decision != "" })
}

// continues reports whether err is the stop of the work before the next run.
func (r *importRun) continues(ctx workflow.Context, err error) bool {
	return r.commands.continuing && r.commands.cancelling == nil && ctx.Err() == nil &&
		err != nil && (temporal.IsCanceledError(err) || !isPermanent(err))
}

// continueAsNew continues in a new run with a short history. It returns a cancellation that
// arrived meanwhile, which the next run would miss.
func (r *importRun) continueAsNew(ctx workflow.Context) error {
	r.commands.continuing, r.commands.closing = true, true
	settled, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	if err := workflow.Await(settled, func() bool { return r.commands.answered(ctx) }); err != nil {
		return err
	}
	if r.commands.cancelling != nil || ctx.Err() != nil {
		return temporal.NewCanceledError()
	}
	next := ImportInput{
		ImportID: r.in.ImportID, Importer: r.in.Importer,
		Resumed: r.plan.Total > 0, Checked: r.checked && r.plan.Total == 0,
		FencingToken: r.fencingToken,
		Paused:       r.turns.paused, RowsPerSecond: r.in.RowsPerSecond, Seen: r.commands.seenKeys, Signals: r.commands.carried,
	}
	switch r.phase {
	case store.PhaseInReview, store.PhaseStagingDone, store.PhaseFinalize:
		next.InReview = r.plan.Review
	}
	for _, part := range r.parts {
		if part.Parked && (part.status == store.PartWaiting || part.status == store.PartRunning) {
			// The store lists it as parked until its next attempt begins.
			next.Retrying = append(next.Retrying, part.No)
		}
	}
	return workflow.NewContinueAsNewError(ctx, TypeImport, next)
}

// reloadOpenParts continues as a new run that loads the parts that the store has as open: the
// store was restored from a backup and is behind this run.
func (r *importRun) reloadOpenParts(ctx workflow.Context) error {
	err := r.note(ctx, store.LevelWarn, "The store has open parts that the workflow had loaded: the store was restored. "+
		"Loading them again from their last checkpoints.")
	if err != nil {
		return err
	}
	// Its parts come before its review.
	r.phase = store.PhaseLoading
	return r.continueAsNew(ctx)
}

// isContinueAsNew reports whether err continues the workflow as a new run.
func isContinueAsNew(err error) bool {
	var again *workflow.ContinueAsNewError
	return errors.As(err, &again)
}

// errContinues refuses a command for the next run.
func errContinues() error {
	return temporal.NewNonRetryableApplicationError(
		"the workflow continues as a new run: repeat the command", TypeOtherRun, nil)
}

// answered reports whether all commands have been executed, signals not yet received
// included.
func (o *commandState) answered(ctx workflow.Context) bool {
	for _, signals := range o.signals {
		if signals.Len() > 0 {
			return false
		}
	}
	return workflow.AllHandlersFinished(ctx) && o.executing == 0
}

// carry stores a signal for the next run. The error is a refusal.
func (o *commandState) carry(name string, argument converter.RawValue) error {
	text, err := jsonOf(argument.Payload())
	if err != nil {
		return err
	}
	if !json.Valid(text) {
		return errors.New("the argument is not valid JSON")
	}
	size := len(text)
	for _, carried := range o.carried {
		size += len(carried.Argument)
	}
	if size > maxCarried {
		return fmt.Errorf("the workflow continues as a new run with more than %d bytes of signals: send the signal again",
			maxCarried)
	}
	o.carried = append(o.carried, CarriedSignal{Name: name, Argument: text})
	return nil
}

// inheritedSignals returns the arguments of the named signals from the previous run, as
// payloads from the server.
func (o *commandState) inheritedSignals(name string) (arguments []converter.RawValue) {
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
