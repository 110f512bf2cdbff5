package terminal

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// clock is moved by hand.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func (c *clock) pass(d time.Duration) { c.at = c.at.Add(d) }

func newTestProgress() (*Progress, *clock, *bytes.Buffer) {
	c := &clock{at: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)}
	var out bytes.Buffer
	p := NewProgress(&out, 5*time.Second)
	p.now = c.now
	return p, c, &out
}

func TestLinesOfAnImport(t *testing.T) {
	t.Parallel()
	p, c, out := newTestProgress()
	p.Show(Reading{Label: "queued"})
	c.pass(20 * time.Second)
	p.Show(Reading{Label: "planning"})
	for i := range 21 {
		c.pass(500 * time.Millisecond)
		p.Show(Reading{Label: "loading", Detail: "1/4 parts", Done: int64(i) * 10, Total: 400, Rows: int64(i) * 1000})
	}
	p.Show(Reading{Label: "loading", Detail: "1/4 parts", Done: 200, Total: 400, Rows: 20000, Reason: "retrying: no space"})
	c.pass(time.Second)
	p.Show(Reading{Label: "completed", Detail: "4/4 parts", Done: 400, Total: 400, Rows: 40000})
	p.Close()
	require.Equal(t, strings.Join([]string{
		"queued",
		"planning",
		"loading       1/4 parts      0 %  0 rows",
		"loading       1/4 parts     25 %  10,000 rows, 2,000 rows/s, 15s left",
		"loading       1/4 parts     50 %  20,000 rows, 2,000 rows/s, 10s left",
		"loading       1/4 parts     50 %  20,000 rows, 2,000 rows/s, retrying: no space",
		"completed     4/4 parts    100 %  40,000 rows, 2,000 rows/s",
		"",
	}, "\n"), out.String())
}

// TestNothingNewIsNotRepeated: an import that waits for days does not fill a log.
func TestNothingNewIsNotRepeated(t *testing.T) {
	t.Parallel()
	p, c, out := newTestProgress()
	for range 1000 {
		p.Show(Reading{Label: "parked", Detail: "1/2 parts", Total: 10, Reason: "waits for a decision"})
		c.pass(time.Hour)
	}
	require.Equal(t, "parked        1/2 parts      0 %  0 rows, waits for a decision\n", out.String())
}

func TestFastReadingsAreThinnedOut(t *testing.T) {
	t.Parallel()
	p, c, out := newTestProgress()
	for i := range 1000 {
		p.Show(Reading{Label: "loading", Done: int64(i), Total: 1000, Rows: int64(i)})
		c.pass(10 * time.Millisecond)
	}
	require.Len(t, strings.Split(strings.TrimSpace(out.String()), "\n"), 2, out.String())
}

func TestPace(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	see := func(p *pace, seconds float64, done, rows int64) {
		p.see(at.Add(time.Duration(seconds*float64(time.Second))), Reading{Done: done, Total: 1000, Rows: rows})
	}
	t.Run("waiting does not count", func(t *testing.T) {
		t.Parallel()
		var p pace
		p.see(at.Add(-time.Hour), Reading{})
		see(&p, 0, 0, 0)
		see(&p, 600, 0, 0)
		see(&p, 601, 100, 500)
		require.InDelta(t, 500, p.rate, 1)
	})
	t.Run("what was there before does not count", func(t *testing.T) {
		t.Parallel()
		var p pace
		see(&p, 0, 900, 1_000_000)
		see(&p, 2, 950, 1_000_200)
		require.InDelta(t, 100, p.rate, 1)
		require.Equal(t, 2*time.Second, p.remaining)
	})
	t.Run("no estimate before the first progress", func(t *testing.T) {
		t.Parallel()
		var p pace
		see(&p, 0, 0, 0)
		see(&p, 0.9, 500, 10)
		require.Zero(t, p.remaining)
		see(&p, 5, 500, 10)
		require.Equal(t, 5*time.Second, p.remaining)
		see(&p, 6, 1000, 20)
		require.Zero(t, p.remaining)
	})
	t.Run("a stall brings the rate down", func(t *testing.T) {
		t.Parallel()
		var p pace
		see(&p, 0, 0, 0)
		see(&p, 1, 100, 1000)
		for i := range 60 {
			see(&p, float64(2+i), 100, 1000)
		}
		require.Less(t, p.rate, 1.0)
	})
}

// TestNoTotal: without a known total no share is shown.
func TestNoTotal(t *testing.T) {
	t.Parallel()
	p, _, out := newTestProgress()
	p.Show(Reading{Label: "loading", Detail: "0/1 parts", Done: 500, Rows: 1234})
	require.Equal(t, "loading       0/1 parts    1,234 rows\n", out.String())
	require.NotPanics(t, p.Close)
}

// An import that fails has no speed and no time left, whatever it had before.
func TestCloseRemovesTheBar(t *testing.T) {
	t.Parallel()
	p, c, out := newTestProgress()
	for i := range 12 {
		c.pass(500 * time.Millisecond)
		p.Show(Reading{Label: "loading", Done: int64(i) * 10, Total: 400, Rows: int64(i) * 1000})
	}
	p.Show(Reading{Label: "clean_up", Detail: "0/1 parts", Done: 110, Total: 400, Rows: 11000, Over: true})
	c.pass(time.Second)
	p.Show(Reading{Label: "failed", Detail: "0/1 parts", Over: true})
	p.Close()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Contains(t, lines[len(lines)-3], "left")
	require.Equal(t, []string{
		"clean_up      0/1 parts     27 %  11,000 rows", "failed        0/1 parts",
	}, lines[len(lines)-2:])
}
