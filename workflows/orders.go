package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/store"
)

// Order is what all orders have in common.
type Order struct {
	// Key makes a repeated order one: a second order of the same key does nothing. At
	// most inbound.MaxKey bytes; "" is not compared.
	Key string `json:"key,omitempty"`
	// By says who gives the order, Reason why; both go into the import's log. They have at
	// most inbound.MaxName and inbound.MaxReason bytes.
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Run, in an update, is the run of the workflow that the order is for; "" is any. A
	// reset gives the orders of the run that it resets to the new one again, unless they
	// say that they are not for it.
	Run string `json:"run,omitempty"`
}

func (o *Order) order() *Order { return o }

// The orders without anything of their own.
type (
	// Pause is the argument of the order pause.
	Pause struct{ Order }
	// Resume is the argument of the order resume.
	Resume struct{ Order }
	// Cancel is the argument of the order cancel.
	Cancel struct{ Order }
)

// RetryPart is the argument of the order retry_part.
type RetryPart struct {
	Order
	Part int32 `json:"part" required:"true"`
}

// SkipPart is the argument of the order skip_part. Its Reason is required.
type SkipPart struct {
	Order
	Part int32 `json:"part" required:"true"`
}

// SetRate is the argument of the order set_rate.
type SetRate struct {
	Order
	// RowsPerSecond is how many rows all parts together may load, at most
	// MaxRowsPerSecond; 0 is as fast as it goes.
	RowsPerSecond int64 `json:"rows_per_second" required:"true"`
}

// Decide is the argument of the order decide. By is required, and Reason for declining.
type Decide struct {
	Order
	// Verdict is store.Accepted or store.Declined: "accepted" or "declined".
	Verdict string `json:"verdict" required:"true"`
}

// orders is what came of the orders to an import.
type orders struct {
	// cancel ends the work of the import.
	cancel workflow.CancelFunc
	// cancelling is the order to cancel, if that was given.
	cancelling *Order
	// seen are the keys of the orders that were carried out, the oldest first.
	seen []string
	// refusals is how many signals were refused.
	refusals int
	// underWay is how many orders that came as signals are being carried out.
	underWay int
	// signals are where they come from.
	signals []workflow.ReceiveChannel
	// taken is how many orders the run has taken.
	taken int
	// continuing says that the run continues as a new one: decisions are for that one.
	continuing bool
	// closing says that only updates under way are waited for: further ones are for the next
	// run.
	closing bool
	// carried are signals for the next run, inherited those that the run before has left.
	carried, inherited []CarriedSignal
}

// maxSeen is how many keys of orders are remembered.
const maxSeen = 200

// cancelled says who has cancelled the import, and why.
func (o *orders) cancelled(otherwise string) string {
	switch {
	case o.cancelling == nil:
		return otherwise
	case o.cancelling.By == "" && o.cancelling.Reason == "":
		return otherwise
	default:
		return "cancelled" + signature(*o.cancelling)
	}
}

// signature says who has given an order, and why.
func signature(o Order) string {
	text := ""
	if o.By != "" {
		text += " by " + o.By
	}
	if o.Reason != "" {
		text += ": " + o.Reason
	}
	return text
}

// answered says whether all orders have been carried out.
func (r *importRun) answered(ctx workflow.Context) bool { return r.orders.answered(ctx) }

// obey takes all orders from now on.
func (r *importRun) obey(ctx workflow.Context) error {
	return errors.Join(
		offer(ctx, r, OrderPause, `Interrupt the import where it stands: {"by": "..", "reason": ".."}.`, r.canPause, r.pause),
		offer(ctx, r, OrderResume, `Let a paused import go on: {"by": ".."}.`, r.canResume, r.resume),
		offer(ctx, r, OrderCancel, `End the import and take back its rows: {"by": "..", "reason": ".."}.`,
			r.canCancel, r.cancel),
		offer(ctx, r, OrderRetryPart, `Try a parked part again: {"part": 0}.`,
			func(o RetryPart) error { return r.canDecide(o.Part) }, r.retryPart),
		offer(ctx, r, OrderSkipPart, `Leave a parked part out: {"part": 0, "reason": ".."}.`, r.canSkip, r.skipPart),
		offer(ctx, r, OrderSetRate, `Bound how fast it loads, 0 for no bound: {"rows_per_second": 1000}.`,
			r.canSetRate, r.setRate),
		offer(ctx, r, OrderDecide, `Accept or decline: {"verdict": "accepted", "by": "..", "reason": ".."}.`,
			r.canDecideReview, r.decideReview),
	)
}

// obeyer is what takes orders.
type obeyer interface {
	// given is what came of the orders until now.
	given() *orders
	// refuse logs that an order that came as a signal was refused: its sender gets no
	// answer.
	refuse(ctx workflow.Context, message string)
}

func (r *importRun) given() *orders { return &r.orders }

// offer takes an order as an update and as a signal. check says whether it can be
// carried out, and changes nothing; carry carries it out. The argument is decoded here:
// what is wrong with it refuses the order, and never fails the workflow task.
func offer[T any, P command[T]](
	ctx workflow.Context, r obeyer, name, description string,
	check func(T) error, carry func(workflow.Context, T) error,
) error {
	given := r.given()
	read := func(argument, further converter.RawValue) (T, error) {
		if further.Payload() != nil {
			var none T
			return none, errors.New("there are several arguments: want one JSON object")
		}
		return decodeCommand[T, P](argument)
	}
	act := func(ctx workflow.Context, order T) error {
		given.taken++
		key := P(&order).order().Key
		if given.repeats(key) {
			return nil
		}
		if err := check(order); err != nil {
			return err
		}
		given.remember(key)
		err := carry(ctx, order)
		if err != nil {
			given.forget(key)
		}
		return err
	}
	signals := workflow.GetSignalChannelWithOptions(ctx, name, workflow.SignalChannelOptions{Description: description})
	given.signals = append(given.signals, signals)
	workflow.GoNamed(ctx, "signal-"+name, func(ctx workflow.Context) {
		// Orders are taken to the very end: one that comes too late is told so.
		ctx, cancel := workflow.NewDisconnectedContext(ctx)
		defer cancel()
		take := func(argument converter.RawValue) {
			given.underWay++
			defer func() { given.underWay-- }()
			order, err := read(argument, converter.RawValue{})
			switch {
			case err == nil && given.continuing:
				err = given.carry(name, argument)
			case err == nil:
				err = act(ctx, order)
			}
			if err != nil {
				if message := given.refused(name, refusal(err)); message != "" {
					r.refuse(ctx, message)
				}
			}
		}
		for _, argument := range given.carriedTo(name) {
			take(argument)
		}
		for {
			var argument converter.RawValue
			if !signals.Receive(ctx, &argument) {
				return
			}
			take(argument)
		}
	})
	update := func(ctx workflow.Context, argument, further converter.RawValue) error {
		order, err := read(argument, further)
		if err == nil {
			err = act(ctx, order)
		}
		return refusal(err)
	}
	validate := func(ctx workflow.Context, argument, further converter.RawValue) error {
		order, err := read(argument, further)
		if err != nil {
			return refusal(err)
		}
		common := P(&order).order()
		if run := common.Run; run != "" && run != workflow.GetInfo(ctx).WorkflowExecution.RunID {
			return temporal.NewNonRetryableApplicationError("the order is for another run of the workflow", TypeOtherRun, nil)
		}
		if given.repeats(common.Key) {
			return nil
		}
		if given.closing || given.continuing && (slices.Contains(decisions, name) || tooLong(ctx)) {
			return errContinues()
		}
		return refusal(check(order))
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, name, update, workflow.UpdateHandlerOptions{
		Description: description, Validator: validate,
	})
}

// refuse writes into the import's log.
func (r *importRun) refuse(ctx workflow.Context, message string) {
	if err := r.note(ctx, store.LevelWarn, message); err != nil {
		workflow.GetLogger(ctx).Error("could not note a refused signal", "error", err)
	}
}

func (o *orders) repeats(key string) bool { return key != "" && slices.Contains(o.seen, key) }

func (o *orders) remember(key string) {
	if key == "" {
		return
	}
	o.seen = append(o.seen, key)
	if len(o.seen) > maxSeen {
		o.seen = o.seen[1:]
	}
}

func (o *orders) forget(key string) {
	o.seen = slices.DeleteFunc(o.seen, func(k string) bool { return k == key })
}

// inTime says whether the end of the import has not begun.
func (r *importRun) inTime() error {
	if r.ending || r.orders.cancelling != nil {
		return fmt.Errorf("too late: import %d is ending, its phase is %s", r.in.ImportID, r.phase)
	}
	return nil
}

func (r *importRun) canPause(Pause) error {
	switch {
	case r.review.open:
		return fmt.Errorf("import %d waits for a decision: there is nothing to pause", r.in.ImportID)
	case r.turns.paused:
		return fmt.Errorf("import %d is paused already", r.in.ImportID)
	default:
		return r.inTime()
	}
}

func (r *importRun) pause(ctx workflow.Context, o Pause) error {
	r.turns.paused = true
	r.turns.interrupt(false)
	return r.setPaused(ctx, "Paused"+signature(o.Order)+".")
}

func (r *importRun) canResume(Resume) error {
	if !r.turns.paused {
		return fmt.Errorf("import %d is not paused", r.in.ImportID)
	}
	return r.inTime()
}

func (r *importRun) resume(ctx workflow.Context, o Resume) error {
	r.turns.paused = false
	return r.setPaused(ctx, "Resumed"+signature(o.Order)+".")
}

// setPaused shows everywhere whether the import is paused.
func (r *importRun) setPaused(ctx workflow.Context, message string) error {
	paused := r.turns.paused
	r.describe(ctx)
	if err := workflow.UpsertTypedSearchAttributes(ctx, AttributePaused.ValueSet(paused)); err != nil {
		return fmt.Errorf("set search attributes: %w", err)
	}
	return r.write(ctx, activities.Note{Level: store.LevelInfo, Message: message, Paused: &paused})
}

func (r *importRun) canCancel(Cancel) error { return r.inTime() }

func (r *importRun) cancel(_ workflow.Context, o Cancel) error {
	r.orders.cancelling = &o.Order
	r.orders.cancel()
	return nil
}

func (r *importRun) canSetRate(o SetRate) error {
	if o.RowsPerSecond < 0 || o.RowsPerSecond > MaxRowsPerSecond {
		return fmt.Errorf("rows_per_second is %d: want 0, for no bound, or up to %d", o.RowsPerSecond, MaxRowsPerSecond)
	}
	return r.inTime()
}

func (r *importRun) setRate(ctx workflow.Context, o SetRate) error {
	rate := o.RowsPerSecond
	r.plan.RowsPerSecond, r.in.RowsPerSecond = rate, &rate
	r.turns.interrupt(true)
	message := fmt.Sprintf("Loading at most %d rows a second%s.", rate, signature(o.Order))
	if rate == 0 {
		message = "Loading as fast as it goes" + signature(o.Order) + "."
	}
	return r.write(ctx, activities.Note{Level: store.LevelInfo, Message: message, RowsPerSecond: &rate})
}

// decisions are the orders that only a run that goes on can carry out.
var decisions = []string{OrderRetryPart, OrderSkipPart, OrderDecide}

func (r *importRun) canSkip(o SkipPart) error {
	if strings.TrimSpace(o.Reason) == "" {
		return errors.New("say why the part is skipped: the reason is empty")
	}
	return r.canDecide(o.Part)
}

func (r *importRun) retryPart(ctx workflow.Context, o RetryPart) error {
	if err := r.decide(ctx, o.Part, decideRetry, ""); err != nil {
		return err
	}
	return r.note(ctx, store.LevelInfo, fmt.Sprintf("Part %d is tried again%s.", o.Part, signature(o.Order)))
}

func (r *importRun) skipPart(ctx workflow.Context, o SkipPart) error {
	why := o.Reason
	if o.By != "" {
		why += " (" + o.By + ")"
	}
	return r.decide(ctx, o.Part, decideSkip, why)
}
