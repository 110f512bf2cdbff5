package destinations

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sluicehq/sluice/internal/cron"
)

// Schedule says when the jobs of an action are loaded. Fields that are not set are taken
// from the next schedule in line: of the action, of the destination, of DefaultSchedule.
type Schedule struct {
	// Realtime says that jobs are loaded as soon as they are there. Interval is looked at
	// all the same: it finds what was missed. It is taken from the first schedule in line
	// that there is.
	Realtime bool
	// Interval is when to look for jobs: "@every 1h", or five fields of cron. Defaults to
	// "@every 1h".
	Interval string
	// TimeZone is the IANA name of the zone that the five fields are about. Defaults to
	// UTC.
	TimeZone string
	// MaxRetries is how often a job that has failed is tried again, at most; it is
	// discarded after that. A pointer, so that 0 can be said: Retries(0). Defaults to 72.
	MaxRetries *uint16
	// InitialBackoff is the wait before the first retry. It doubles with every further one. Defaults to
	// 30 s.
	InitialBackoff time.Duration
	// MaxBackoff bounds the wait. Defaults to 1 h, with which 72 retries take three days: time to notice
	// and fix a problem.
	MaxBackoff time.Duration
}

// Retries returns a value for Schedule.MaxRetries.
func Retries(n uint16) *uint16 { return &n }

// DefaultSchedule returns the schedule that stands behind all others: not realtime, every
// hour, 72 retries.
func DefaultSchedule() Schedule {
	return Schedule{
		Interval: "@every 1h", TimeZone: "UTC",
		MaxRetries: Retries(72), InitialBackoff: 30 * time.Second, MaxBackoff: time.Hour,
	}
}

// PatientSchedule returns the schedule of destinations that lead to people and to other
// services: realtime, with 12 retries over two days, long enough for a server that is repaired
// on the next morning.
func PatientSchedule() *Schedule {
	return &Schedule{
		Realtime: true, MaxRetries: Retries(12), InitialBackoff: 45 * time.Second, MaxBackoff: 24 * time.Hour,
	}
}

// Resolve returns the effective schedule of an action: its own, overriding the destination's and
// the default.
func Resolve(d Destination, a Action) Schedule {
	var line []Schedule
	for _, s := range []*Schedule{a.Schedule(), d.Options().DefaultSchedule} {
		if s != nil {
			line = append(line, *s)
		}
	}
	line = append(line, DefaultSchedule())
	resolved := line[0]
	for _, s := range line[1:] {
		resolved = resolved.or(s)
	}
	return resolved
}

// or fills in what is not set.
func (s Schedule) or(next Schedule) Schedule {
	s.Interval = cmp.Or(s.Interval, next.Interval)
	s.TimeZone = cmp.Or(s.TimeZone, next.TimeZone)
	if s.MaxRetries == nil {
		s.MaxRetries = next.MaxRetries
	}
	s.InitialBackoff = cmp.Or(s.InitialBackoff, next.InitialBackoff)
	s.MaxBackoff = cmp.Or(s.MaxBackoff, next.MaxBackoff)
	return s
}

// Validate reports every fault of a schedule. Fields that are not set are none.
func (s Schedule) Validate() error {
	var faults []error
	full := s.or(DefaultSchedule())
	if _, err := cron.Parse(full.Interval, full.TimeZone); err != nil {
		faults = append(faults, fmt.Errorf("interval: %w", err))
	}
	if s.InitialBackoff < 0 || s.MaxBackoff < 0 {
		faults = append(faults,
			fmt.Errorf("retries: the backoffs are %s and %s: want 0 or more", s.InitialBackoff, s.MaxBackoff))
	}
	if full.InitialBackoff > full.MaxBackoff {
		faults = append(faults, fmt.Errorf("retries: the initial backoff of %s is longer than the maximum of %s",
			full.InitialBackoff, full.MaxBackoff))
	}
	return errors.Join(faults...)
}

// Next returns when jobs are to be looked for the next time, behind the given moment.
func (s Schedule) Next(after time.Time) (time.Time, error) {
	full := s.or(DefaultSchedule())
	parsed, err := cron.Parse(full.Interval, full.TimeZone)
	if err != nil {
		return time.Time{}, err
	}
	return parsed.Next(after), nil
}

// jitter is the share by which a wait is shorter at random, so that what failed together
// does not come back together.
const jitter = 0.2

// Backoff returns how long to wait after that many attempts: InitialBackoff, twice that and so
// on up to MaxBackoff, up to a fifth less at random.
func (s Schedule) Backoff(attempts int) time.Duration {
	full := s.or(DefaultSchedule())
	wait := full.InitialBackoff
	for range max(0, attempts-1) {
		if wait >= full.MaxBackoff {
			break
		}
		wait *= 2
	}
	wait = min(wait, full.MaxBackoff)
	return time.Duration(float64(wait) * (1 - jitter*rand.Float64())) //nolint:gosec // no secret hangs on it
}
