package terminal

import "time"

// pace works out the speed and the rest of the time from readings. The zero value is
// ready. Both come from what was seen to advance: what had been done before the first
// reading, or before there was anything to count, says nothing about speed.
type pace struct {
	// from is the first reading with a total.
	from      time.Time
	fromDone  int64
	remaining time.Duration
	// sampled is the last time that the rate was worked out, at so many rows.
	sampled time.Time
	rows    int64
	rate    float64
}

const (
	// sampleEvery is how far apart samples of the rate are: readings that come faster
	// would make it jump.
	sampleEvery = 500 * time.Millisecond
	// settled is how long something must have been seen before the rest is estimated.
	settled = time.Second
	// smoothing is the weight of the newest sample, so that the figure can be read.
	smoothing = 0.3
)

// see takes in a reading.
func (p *pace) see(now time.Time, r Reading) {
	// What is done stays at the speed that it had.
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
		// Nothing has moved so far: the clock starts when it does.
		p.sampled, p.rows = now, rows
		return
	}
	elapsed := now.Sub(p.sampled)
	if elapsed < sampleEvery {
		return
	}
	rate := float64(rows-p.rows) / elapsed.Seconds()
	if p.rate == 0 {
		p.rate = rate
	}
	p.rate += smoothing * (rate - p.rate)
	p.sampled, p.rows = now, rows
}
