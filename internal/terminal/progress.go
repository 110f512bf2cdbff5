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

// Reading is how far something has come.
type Reading struct {
	// Label says what is going on, for instance "loading".
	Label string
	// Detail says more, for instance "3/10 parts".
	Detail string
	// Done of Total, in whatever unit; Total is 0 while it is not known.
	Done, Total int64
	// Rows is how many rows there have been.
	Rows int64
	// Over means that it does not advance any more: neither speed nor time is shown.
	Over bool
	// Reason is why it does not advance, "" if it does.
	Reason string
}

// Progress shows how something advances: as a bar that moves on a terminal, as a
// line now and then elsewhere.
type Progress struct {
	w     io.Writer
	every time.Duration
	now   func() time.Time
	pace  pace
	// last and written are the last line and when it was written, where there is no
	// terminal.
	last    line
	written time.Time
	bars    *mpb.Progress
	bar     *mpb.Bar
	// drawn is the text beside the bar, which a goroutine of the bar's own draws.
	mu    sync.Mutex
	drawn line
}

// line is the text left and right of a bar.
type line struct{ label, left, right, reason string }

// NewProgress returns a display on w. Where w is no terminal, a line is written
// when the label or the reason changes, and in between at most one every so often,
// if there is something new to say. It is to be closed.
func NewProgress(w io.Writer, every time.Duration) *Progress {
	p := &Progress{w: w, every: every, now: time.Now}
	if IsTerminal(w) {
		// A bar moves the cursor: what it writes goes past the escaping of control characters,
		// and its texts are escaped by themselves.
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
		// A bar that is full is taken for complete: it always has one more to go.
		p.bar.SetTotal(max(r.Total, 1)+1, false)
		p.bar.SetCurrent(min(r.Done, r.Total))
		return
	}
	changed := next.label != p.last.label || next.reason != p.last.reason
	if changed || next != p.last && now.Sub(p.written) >= p.every {
		p.last, p.written = next, now
		// A line that cannot be written is no reason to stop what is being watched.
		_, _ = fmt.Fprintln(p.w, strings.TrimRight(next.left+"  "+next.right, " ")) //nolint:errcheck // see above
	}
}

// Close takes a bar away.
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

// describe puts a reading into words, padded so that lines and bars stay where they
// are from one reading to the next.
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

// Duration writes a duration as people say it: 0.4s, 12s, 3m05s, 2h10m.
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
