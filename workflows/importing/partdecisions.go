package importing

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/workflow"

	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows/command"
)

// canDecidePart returns an error unless a part can be retried or skipped.
func (r *importRun) canDecidePart(no int32) error {
	part := r.part(no)
	switch {
	case part == nil && r.plan.Total == 0 && r.in.Resumed:
		// The run is reading its plan, for which the command waits.
		return nil
	case part == nil && r.plan.Total == 0:
		return errors.New("the import has no parts yet")
	case part == nil:
		return fmt.Errorf("part %d is not an open part: the import has %d parts, numbered from 0", no, r.plan.Total)
	case part.parking:
		// The command waits until the part is parked.
		return nil
	case part.status != importstore.PartParked:
		return fmt.Errorf("part %d is %s: only a parked part can be retried or skipped", no, part.status)
	case part.decision != "":
		return fmt.Errorf("part %d already has the decision %s", no, part.decision)
	default:
		return nil
	}
}

// decidePart sets the decision about a parked part, which loadPart executes.
func (r *importRun) decidePart(ctx workflow.Context, no int32, decision, why string) error {
	planned := func() bool { return r.plan.Total > 0 || !r.in.Resumed || r.ending || r.commands.Continuing }
	if err := workflow.Await(ctx, planned); err != nil {
		return err
	}
	if part := r.part(no); part != nil {
		if err := workflow.Await(ctx, func() bool { return !part.parking || r.ending || r.commands.Continuing }); err != nil {
			return err
		}
	}
	if r.commands.Continuing {
		return command.ErrContinues()
	}
	if err := r.canDecidePart(no); err != nil {
		return err
	}
	part := r.part(no)
	if part == nil || part.parking {
		return errors.New("the import is ending")
	}
	part.decision, part.Why = decision, why
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
