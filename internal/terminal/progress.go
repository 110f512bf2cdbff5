package terminal

import (
	"fmt"
	"io"
	"strings"
	"time"

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
	// Trouble says what keeps it from advancing, if anything does.
	Trouble string
}

// Progress shows how something advances: as a bar that moves on a terminal, as a
// line now and then elsewhere.
type Progress struct {
	w       io.Writer
	every   time.Duration
	now     func() time.Time
	start   time.Time
	last    Reading
	written time.Time
	rate    float64
	sampled time.Time
	rows    int64
	bars    *mpb.Progress
	bar     *mpb.Bar
}

// NewProgress returns a display on w. Where w is no terminal, a line is written
// when the label changes, and every so often in between.
func NewProgress(w io.Writer, every time.Duration) *Progress {
	p := &Progress{w: w, every: every, now: time.Now}
	p.start = p.now()
	p.sampled = p.start
	if IsTerminal(w) {
		p.bars = mpb.New(mpb.WithOutput(w), mpb.WithWidth(30), mpb.WithRefreshRate(100*time.Millisecond))
		p.bar = p.bars.AddBar(0,
			mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return p.left() }, decor.WC{W: 1, C: decor.DindentRight})),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return " " + p.right() })),
			mpb.BarRemoveOnComplete())
	}
	return p
}

// Show displays a reading.
func (p *Progress) Show(r Reading) {
	now := p.now()
	if elapsed := now.Sub(p.sampled); elapsed >= 500*time.Millisecond {
		rate := float64(r.Rows-p.rows) / elapsed.Seconds()
		if p.rate == 0 {
			p.rate = rate
		}
		// Smooth, so that the figure can be read.
		p.rate += 0.3 * (rate - p.rate)
		p.rows, p.sampled = r.Rows, now
	}
	changed := r.Label != p.last.Label || r.Trouble != p.last.Trouble
	p.last = r
	if p.bar != nil {
		p.bar.SetTotal(max(r.Total, 1)+1, false)
		p.bar.SetCurrent(min(r.Done, r.Total))
		return
	}
	if changed || now.Sub(p.written) >= p.every {
		p.written = now
		// A line that cannot be written is no reason to stop what is being watched.
		_, _ = fmt.Fprintf(p.w, "%s %s\n", p.left(), p.right()) //nolint:errcheck // see above
	}
}

// Close takes a bar away.
func (p *Progress) Close() {
	if p.bar != nil {
		p.bar.Abort(true)
		p.bars.Wait()
	}
}

func (p *Progress) left() string {
	return strings.TrimSpace(fmt.Sprintf("%-12s %s", p.last.Label, p.last.Detail))
}

func (p *Progress) right() string {
	text := Count(p.last.Rows) + " rows"
	if p.rate > 0 {
		text += fmt.Sprintf(", %s rows/s", Count(int64(p.rate)))
	}
	if p.last.Trouble != "" {
		return text + ", " + p.last.Trouble
	}
	if p.last.Total > 0 && p.last.Done > 0 {
		text = fmt.Sprintf("%3d %%, ", 100*p.last.Done/p.last.Total) + text
		if left := p.remaining(); left > 0 {
			text += ", " + Duration(left) + " left"
		}
	}
	return text
}

// remaining estimates the rest from the speed so far.
func (p *Progress) remaining() time.Duration {
	if p.last.Done >= p.last.Total {
		return 0
	}
	elapsed := p.now().Sub(p.start)
	return time.Duration(float64(elapsed) / float64(p.last.Done) * float64(p.last.Total-p.last.Done))
}

// Duration writes a duration as people say it: 0.4s, 12s, 3m05s, 2h10m.
func Duration(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
}
