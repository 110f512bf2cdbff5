package destinations

import (
	"cmp"
	"time"
)

// Plan is how an action is loaded at present: what the program says about it, and over
// that what people have set while it runs.
type Plan struct {
	// Schedule has all its fields set.
	Schedule
	// Concurrency, RatePerSecond, BatchSize and Timeout are as in Options, with defaults
	// filled in; RatePerSecond 0 is as fast as it goes.
	Concurrency   int
	RatePerSecond float64
	BatchSize     int
	Timeout       time.Duration
	// RedriveUnknown is as in Options.
	RedriveUnknown bool
	// RedriveLost is as in Options.
	RedriveLost bool
	// Paused means that an operator has paused the action or its destination.
	Paused bool
}

// Lease is how long jobs are claimed for: a load and the time to note how it went.
func (p Plan) Lease() time.Duration { return p.Timeout + leaseMargin }

const leaseMargin = time.Minute

// PlanOf returns the effective plan of an action. settings are the operator's, by action, and under
// "" for the whole destination. Settings of the action override those of the destination, and both
// override the program's. An invalid setting is ignored and returned as an error; the plan is valid
// in any case.
func PlanOf(d Destination, a Action, settings map[string]Settings) (Plan, error) {
	o := d.Options()
	p := Plan{
		Schedule: Resolve(d, a), Concurrency: cmp.Or(o.Concurrency, 1), RatePerSecond: o.RatePerSecond,
		BatchSize: cmp.Or(o.BatchSize, 100), Timeout: cmp.Or(o.Timeout, time.Minute),
		RedriveUnknown: o.RedriveUnknown, RedriveLost: o.RedriveLost,
	}
	schedule := p.Schedule
	// The destination first: what the action says is set over it.
	for _, name := range []string{"", a.Name()} {
		set, found := settings[name]
		if !found {
			continue
		}
		p.Paused = p.Paused || set.Paused
		override(&schedule.Realtime, set.Realtime)
		override(&schedule.Interval, set.Interval)
		override(&schedule.TimeZone, set.TimeZone)
		override(&p.RatePerSecond, set.Rate)
		if set.MaxRetries != nil {
			schedule.MaxRetries = Retries(uint16(*set.MaxRetries))
		}
		if set.Concurrency != nil {
			p.Concurrency = int(*set.Concurrency)
		}
		if set.BatchSize != nil {
			p.BatchSize = int(*set.BatchSize)
		}
	}
	if err := schedule.Validate(); err != nil {
		return p, err
	}
	p.Schedule = schedule
	return p, nil
}

// override sets a value that an operator has set.
func override[T any](value, set *T) {
	if set != nil {
		*value = *set
	}
}

// RedriveAfter is how long a job whose worker was lost waits until it is loaded again. Below zero it
// waits for a person.
func (p Plan) RedriveAfter() time.Duration {
	if p.RedriveUnknown || p.RedriveLost {
		return p.InitialBackoff
	}
	return -1
}
