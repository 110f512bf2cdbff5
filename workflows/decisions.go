package workflows

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/store"
)

// canDecide says whether there is something to decide about a part.
func (r *importRun) canDecide(no int32) error {
	part := r.part(no)
	switch {
	case part == nil && r.plan.Total == 0 && r.in.Resumed:
		// It reads its plan: the command waits for that.
		return nil
	case part == nil && r.plan.Total == 0:
		return errors.New("the import has no parts yet")
	case part == nil:
		return fmt.Errorf("part %d is not among the open parts: the import has %d parts, numbered from 0", no, r.plan.Total)
	case part.parking:
		// The command waits for that.
		return nil
	case part.status != store.PartParked:
		return fmt.Errorf("part %d is %s: only a parked part can be retried or skipped", no, part.status)
	case part.decision != "":
		return fmt.Errorf("part %d is being decided about already: %s", no, part.decision)
	default:
		return nil
	}
}

func (r *importRun) decide(ctx workflow.Context, no int32, decision, why string) error {
	planned := func() bool { return r.plan.Total > 0 || !r.in.Resumed || r.ending || r.orders.continuing }
	if err := workflow.Await(ctx, planned); err != nil {
		return err
	}
	if part := r.part(no); part != nil {
		if err := workflow.Await(ctx, func() bool { return !part.parking || r.ending || r.orders.continuing }); err != nil {
			return err
		}
	}
	if r.orders.continuing {
		return errContinues()
	}
	if err := r.canDecide(no); err != nil {
		return err
	}
	part := r.part(no)
	if part == nil || part.parking {
		return errors.New("the import is ending")
	}
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
