package terminal

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// Reading is a state of progress.
type Reading struct {
	// Label names the current step, for instance "loading".
	Label string
	// Detail has further information, for instance "3/10 parts".
	Detail string
	// Done of Total, in any unit; Total is 0 if it is unknown.
	Done, Total int64
	// Rows is the number of rows so far.
	Rows int64
	// Over means that progress has ended: neither speed nor remaining time is shown.
	Over bool
	// Reason explains a wait or an error, "" if there is none.
	Reason string
}

// Progress displays progress: as a bar on a terminal, as occasional lines elsewhere.
type Progress struct {
	w     io.Writer
	every time.Duration
	now   func() time.Time
	pace  pace
	// last and written are the last line and its time, without a terminal.
	last    line
	written time.Time
	bars    *mpb.Progress
	bar     *mpb.Bar
	// drawn is the text beside the bar, which the bar's own goroutine draws.
	mu    sync.Mutex
	drawn line
}

// line is the text to the left and right of a bar.
type line struct{ label, left, right, reason string }

// NewProgress returns a display on w. Without a terminal it writes a line when the label or the
// reason changes, and otherwise at most one per interval, if there is progress. The caller closes
// it.
func NewProgress(w io.Writer, every time.Duration) *Progress {
	p := &Progress{w: w, every: every, now: time.Now}
	if IsTerminal(w) {
		// A bar moves the cursor: its output bypasses the escaping of control characters, and its
		// texts are escaped separately.
		raw := w
		if escaping, ok := w.(*Writer); ok {
			raw = escaping.w
		}
		p.bars = mpb.New(mpb.WithOutput(raw), mpb.WithWidth(barWidth), mpb.WithRefreshRate(100*time.Millisecond))
		p.bar = p.bars.AddBar(0,
			mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return p.beside().left + " " })),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return " " + p.beside().right })),
			mpb.BarRemoveOnComplete())
	}
	return p
}

// barWidth is the width of the bar itself, in columns.
const barWidth = 30

// Show displays a reading.
func (p *Progress) Show(r Reading) {
	now := p.now()
	p.pace.see(now, r)
	next := p.describe(r)
	if p.bar != nil {
		p.mu.Lock()
		p.drawn = next
		p.mu.Unlock()
		// A full bar looks complete: keep the total one above.
		p.bar.SetTotal(max(r.Total, 1)+1, false)
		p.bar.SetCurrent(min(r.Done, r.Total))
		return
	}
	changed := next.label != p.last.label || next.reason != p.last.reason
	if changed || next != p.last && now.Sub(p.written) >= p.every {
		p.last, p.written = next, now
		// A failed write of progress must not stop the command.
		_, _ = fmt.Fprintln(p.w, strings.TrimRight(next.left+"  "+next.right, " ")) //nolint:errcheck // see above
	}
}

// Close removes a bar.
func (p *Progress) Close() {
	if p.bar != nil {
		p.bar.Abort(true)
		p.bars.Wait()
	}
}

func (p *Progress) beside() line {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.drawn
}

// describe formats a reading, padded so that columns stay aligned between readings.
func (p *Progress) describe(r Reading) line {
	r.Label, r.Detail, r.Reason = Line(r.Label), Line(r.Detail), Line(r.Reason)
	l := line{label: r.Label, reason: r.Reason, left: fmt.Sprintf("%-12s  %-11s", r.Label, r.Detail)}
	if r.Total > 0 {
		l.right = fmt.Sprintf("%3d %%  ", 100*min(r.Done, r.Total)/r.Total)
	}
	var facts []string
	if r.Total > 0 || r.Rows > 0 {
		facts = append(facts, humanize.Comma(r.Rows)+" rows")
	}
	if p.pace.rate >= 1 && !r.Over {
		facts = append(facts, humanize.Comma(int64(p.pace.rate))+" rows/s")
	}
	switch {
	case r.Reason != "":
		facts = append(facts, r.Reason)
	case p.pace.remaining > 0 && !r.Over:
		facts = append(facts, Duration(p.pace.remaining)+" left")
	}
	l.right += strings.Join(facts, ", ")
	return l
}

// Duration formats a duration for display: 0.4s, 12s, 3m05s, 2h10m.
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "0.0s"
	case d < 9950*time.Millisecond:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < 10*time.Second:
		return "10s"
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
}
