package importing

import (
	"time"

	"go.temporal.io/sdk/workflow"

	importacts "github.com/sluicehq/sluice/activities/importing"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
)

// Progress is the answer to the query progress: the sums of the parts that are done, and of
// the last reports of those that are not. Rows of skipped parts are not counted.
type Progress struct {
	PartsTotal int `json:"parts_total"`
	PartsDone  int `json:"parts_done"`
	importacts.PartResult
	// AsOf is when a part has last reported or ended, or when the plan was read.
	AsOf time.Time `json:"as_of,omitzero"`
}

func (r *importRun) progress() Progress {
	p := Progress{
		PartsTotal: r.plan.Total, PartsDone: r.plan.Total - r.plan.Open,
		PartResult: r.plan.Recorded, AsOf: r.asOf,
	}
	for _, part := range r.parts {
		if part.status == importstore.PartDone || part.status == importstore.PartSkipped {
			p.PartsDone++
		}
		p.Add(part.figures())
	}
	return p
}

// readPlan lets the importer cut the import into parts, or reads the parts that it has.
func (r *importRun) readPlan(ctx workflow.Context, summary string) error {
	err := r.callback(ctx, summary, workflows.ActivityPlan, &r.plan)
	if err == nil && r.plan.Total > 0 {
		r.asOf = workflow.Now(ctx).UTC()
	}
	return err
}

// figures returns the part's final figures once it is done, and its last report before.
func (p *partRun) figures() importacts.PartResult {
	switch p.status {
	case importstore.PartDone:
		return p.result
	case importstore.PartSkipped:
		return importacts.PartResult{}
	default:
		return p.reported.PartResult
	}
}

// followParts takes the reports of running parts until the workflow ends. They are among
// the signals that a run takes before it ends or continues as a new one.
func (r *importRun) followParts(ctx workflow.Context) {
	reports := workflow.GetSignalChannelWithOptions(ctx, workflows.SignalPartProgress, workflow.SignalChannelOptions{
		Description: "Progress of a running part; sent by Sluice itself.",
	})
	r.commands.Signals = append(r.commands.Signals, reports)
	workflow.GoNamed(ctx, "signal-"+workflows.SignalPartProgress, func(ctx workflow.Context) {
		ctx, cancel := workflow.NewDisconnectedContext(ctx)
		defer cancel()
		for {
			var report importacts.PartReport
			if !reports.Receive(ctx, &report) {
				return
			}
			r.report(ctx, report)
		}
	})
}

// report keeps the figures of a running part. A report of an earlier attempt, one that was
// overtaken and one of a part that is not running is ignored.
func (r *importRun) report(ctx workflow.Context, report importacts.PartReport) {
	for _, part := range r.parts {
		if part.No != report.Part {
			continue
		}
		if part.status == importstore.PartRunning && report.Follows(part.reported) {
			part.reported, r.asOf = report, workflow.Now(ctx).UTC()
			r.describe(ctx)
		}
		return
	}
}
