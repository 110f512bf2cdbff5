package importing

import (
	"context"
	"math"
	"math/bits"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/sluicehq/sluice/internal/loading"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// MaxReports bounds how many PartReports the parts of an import send in all, whatever
// is retried: one for every 5 % of its bytes.
const MaxReports = 20

// reportTimeout bounds the sending of one report.
const reportTimeout = 5 * time.Second

// PartReport has the figures of a part that is being loaded, as of its last checkpoint.
type PartReport struct {
	Part int32 `json:"part"`
	// FencingToken is that of the attempt: a later attempt has a higher one.
	FencingToken int64 `json:"fencing_token"`
	PartResult
}

// Follows reports whether the report is valid and later than another one of the same part. A later
// attempt resumes at the checkpoint of the earlier one, or starts again after a reset.
func (r PartReport) Follows(other PartReport) bool {
	if min(r.RowsRead, r.RowsLoaded, r.RowsRejected, r.RowsOutOfRange, r.RowsLeftOut) < 0 {
		return false
	}
	return r.FencingToken > other.FencingToken || r.FencingToken == other.FencingToken && r.RowsRead > other.RowsRead
}

// ReportRule says when a part sends a PartReport.
type ReportRule struct {
	// Bytes is how many bytes lie between two reports of a part of known size.
	Bytes int64 `json:"bytes,omitempty"`
	// Times bounds the reports of a part of unknown size, which are sent as the number of its
	// chunks doubles.
	Times int `json:"times,omitempty"`
}

// ReportRule returns the rule for each part of the plan: with it, all parts together send at
// most MaxReports reports.
func (p Planned) ReportRule() ReportRule {
	switch {
	case p.Bytes > 0:
		return ReportRule{Bytes: (p.Bytes-1)/MaxReports + 1}
	case p.Total > 0:
		return ReportRule{Times: MaxReports / p.Total}
	default:
		return ReportRule{}
	}
}

// due says whether a part of that many bytes sends a report, given its last report or its
// checkpoint at the beginning of the attempt. The end of a part has the activity's result.
func (r ReportRule) due(total int64, last, now loading.Progress) bool {
	if r.Bytes > 0 {
		return now.BytesRead < total && now.BytesRead-last.BytesRead >= r.Bytes
	}
	doubled := bits.Len32(uint32(now.Chunks))
	return doubled > bits.Len32(uint32(last.Chunks)) && doubled <= r.Times
}

// partReporter sends the reports of one attempt beside the loading, which never waits for it.
// A report that is due replaces one that was not sent yet.
type partReporter struct {
	rule   ReportRule
	part   importstore.Part
	last   loading.Progress
	latest chan PartReport
	cancel context.CancelFunc
	done   chan struct{}
}

// startReports starts the reporter of an attempt. Without Loading.Report nothing is sent.
func (l *Loading) startReports(ctx context.Context, part importstore.Part, rule ReportRule) *partReporter {
	ctx, cancel := context.WithCancel(ctx)
	r := &partReporter{
		rule: rule, part: part, last: loading.Progress{BytesRead: part.BytesRead, Chunks: part.NextChunk},
		latest: make(chan PartReport, 1), cancel: cancel, done: make(chan struct{}),
	}
	go func() {
		defer close(r.done)
		for {
			select {
			case report := <-r.latest:
				l.send(ctx, report)
			case <-ctx.Done():
				return
			}
		}
	}()
	return r
}

// send sends a report. It is for display only: a failure is logged, and the next report makes
// up for it.
func (l *Loading) send(ctx context.Context, report PartReport) {
	if l.Report == nil {
		return
	}
	sending, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	if err := l.Report(sending, report); err != nil && ctx.Err() == nil {
		activity.GetLogger(ctx).Debug("could not report the progress of a part", "part", report.Part, "error", err)
	}
}

// advanced takes the figures behind a checkpoint. It is called by one goroutine only.
func (r *partReporter) advanced(now loading.Progress) {
	if !r.rule.due(r.part.BytesTotal, r.last, now) {
		return
	}
	r.last = now
	select {
	case <-r.latest:
	default:
	}
	r.latest <- PartReport{Part: r.part.No, FencingToken: r.part.FencingToken, PartResult: resultOf(now)}
}

// stop drops what was not sent yet: the end of the attempt has later figures.
func (r *partReporter) stop() {
	r.cancel()
	<-r.done
}

// maxRecorded bounds how many running parts a plan has figures of.
const maxRecorded = 32

// record adds to the plan what the store knows of a part's size and figures.
func (p *Planned) record(part importstore.Part) {
	p.Bytes += min(max(0, part.BytesTotal), math.MaxInt64-p.Bytes)
	if part.Status == importstore.PartDone {
		p.Recorded.Add(recordedOf(part))
	}
}

// recordedOf returns the figures of a part as of its last checkpoint.
func recordedOf(part importstore.Part) PartResult {
	return PartResult{
		RowsRead: part.RowsRead, RowsLoaded: part.RowsLoaded, RowsRejected: part.RowsRejected,
		RowsOutOfRange: part.RowsOutOfRange, RowsLeftOut: part.RowsLeftOut,
	}
}
