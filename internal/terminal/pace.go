package terminal

import (
	"cmp"
	"time"
)

// pace computes the speed and the remaining time from readings. The zero value is ready for use.
// Progress before the first reading, or before the total is known, is ignored.
type pace struct {
	// from is the first reading with a total.
	from      time.Time
	fromDone  int64
	remaining time.Duration
	// sampled is the time of the last sample, rows its number of rows.
	sampled time.Time
	rows    int64
	rate    float64
}

const (
	// sampleEvery is the interval of samples: a shorter one would make the rate fluctuate.
	sampleEvery = 500 * time.Millisecond
	// settled is the minimum time before the remaining time is estimated.
	settled = time.Second
	// smoothing is the weight of the latest sample.
	smoothing = 0.3
)

// see adds a reading.
func (p *pace) see(now time.Time, r Reading) {
	// The rate of a completed task does not change.
	if r.Total <= 0 || r.Done < r.Total {
		p.seeRows(now, r.Rows)
	}
	p.remaining = 0
	if r.Total <= 0 {
		return
	}
	if p.from.IsZero() {
		p.from, p.fromDone = now, r.Done
	}
	elapsed, done := now.Sub(p.from), r.Done-p.fromDone
	if elapsed >= settled && done > 0 && r.Done < r.Total {
		p.remaining = time.Duration(float64(elapsed) / float64(done) * float64(r.Total-r.Done))
	}
}

func (p *pace) seeRows(now time.Time, rows int64) {
	if p.sampled.IsZero() || p.rate == 0 && rows == p.rows {
		// Nothing has advanced so far: restart the clock.
		p.sampled, p.rows = now, rows
		return
	}
	elapsed := now.Sub(p.sampled)
	if elapsed < sampleEvery {
		return
	}
	rate := float64(rows-p.rows) / elapsed.Seconds()
	p.rate = cmp.Or(p.rate, rate)
	p.rate += smoothing * (rate - p.rate)
	p.sampled, p.rows = now, rows
}
