package starter

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/internal/cron"
)

// Timing says when a schedule runs: by Cron or Every, one of the two.
type Timing struct {
	// Cron has the five fields of crontab(5), or is a macro such as @daily; where both the day of the
	// month and the day of the week are restricted, a day that matches either is enough. It is read in
	// TimeZone: a time that the clocks jump over is left out on that day, and of one that
	// comes twice the second is taken.
	Cron string `json:"cron,omitempty"`
	// Every is an interval, at least MinInterval. Runs are at its multiples since
	// 1970-01-01 in UTC, whatever the time zone: every 6h is 00:00, 06:00, 12:00, 18:00 UTC.
	Every time.Duration `json:"every_ns,omitempty"`
	// TimeZone is the IANA name of the zone. Defaults to UTC.
	TimeZone string `json:"time_zone"`
	// Jitter delays each run by a random time below it. Defaults to 0.
	Jitter time.Duration `json:"jitter_ns,omitempty"`
}

// MinInterval is the shortest interval of a schedule.
const MinInterval = time.Minute

// Validate reports every fault at once.
func (t Timing) Validate() error {
	var faults []error
	switch {
	case t.Cron == "" && t.Every == 0:
		faults = append(faults, errors.New("say when it runs: a cron expression or an interval"))
	case t.Cron != "" && t.Every != 0:
		faults = append(faults, errors.New("both a cron expression and an interval are given: use one"))
	case t.Cron != "":
		if err := cron.Check(t.Cron); err != nil {
			faults = append(faults, fmt.Errorf("the cron expression: %w", err))
		}
	case t.Every < MinInterval || t.Every%time.Second != 0:
		faults = append(faults, fmt.Errorf("an interval of %s: want whole seconds, at least %s", t.Every, MinInterval))
	}
	if t.TimeZone == "Local" {
		faults = append(faults, errors.New(`time zone "Local": want an IANA name such as UTC or Europe/Berlin`))
	} else if _, err := time.LoadLocation(t.TimeZone); err != nil {
		faults = append(faults, fmt.Errorf("time zone %q: want an IANA name such as UTC or Europe/Berlin", t.TimeZone))
	}
	switch {
	case t.Jitter < 0:
		faults = append(faults, fmt.Errorf("a jitter of %s: want 0 or more", t.Jitter))
	case t.Every > 0 && t.Jitter >= t.Every:
		faults = append(faults, fmt.Errorf("a jitter of %s: want less than the interval, %s", t.Jitter, t.Every))
	}
	return errors.Join(faults...)
}

// String says when, for people: `cron 0 3 * * *` or `every 6h0m0s`.
func (t Timing) String() string {
	if t.Cron != "" {
		return "cron " + t.Cron
	}
	return "every " + t.Every.String()
}

// Location returns the zone; UTC where its name is unknown on this machine.
func (t Timing) Location() *time.Location {
	if location, err := time.LoadLocation(t.TimeZone); err == nil {
		return location
	}
	return time.UTC
}

// spec returns the timing as the server takes it.
func (t Timing) spec() client.ScheduleSpec {
	spec := client.ScheduleSpec{TimeZoneName: t.TimeZone, Jitter: t.Jitter}
	if t.Cron != "" {
		spec.CronExpressions = cron.Expressions(t.Cron)
	} else {
		spec.Intervals = []client.ScheduleIntervalSpec{{Every: t.Every}}
	}
	return spec
}

// timingOf reads what the server has made of a timing.
func timingOf(spec *client.ScheduleSpec) Timing {
	if spec == nil {
		return Timing{}
	}
	t := Timing{TimeZone: spec.TimeZoneName, Jitter: spec.Jitter}
	t.TimeZone = cmp.Or(t.TimeZone, "UTC")
	if len(spec.Calendars) > 0 {
		t.Cron = spec.Calendars[0].Comment
	}
	if len(spec.Intervals) > 0 {
		t.Every = spec.Intervals[0].Every
	}
	return t
}

// What happens at a time of a schedule while the import of an earlier one is under way.
const (
	// OverlapSkip leaves the time out. It is the default.
	OverlapSkip = "skip"
	// OverlapBufferOne runs one more when the earlier one has ended.
	OverlapBufferOne = "buffer-one"
	// OverlapBufferAll runs all that have come up, one after the other.
	OverlapBufferAll = "buffer-all"
	// OverlapCancelOther cancels the earlier one, which purges its rows, and runs then.
	OverlapCancelOther = "cancel-other"
	// OverlapAllow runs at once; what the imports lock still keeps them apart.
	OverlapAllow = "allow"
)

var overlaps = map[string]enums.ScheduleOverlapPolicy{
	OverlapSkip:        enums.SCHEDULE_OVERLAP_POLICY_SKIP,
	OverlapBufferOne:   enums.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE,
	OverlapBufferAll:   enums.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL,
	OverlapCancelOther: enums.SCHEDULE_OVERLAP_POLICY_CANCEL_OTHER,
	OverlapAllow:       enums.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL,
}

// overlapPolicy reads the name of a policy; "" is the fallback.
func overlapPolicy(name, fallback string) (enums.ScheduleOverlapPolicy, error) {
	name = cmp.Or(name, fallback)
	policy, ok := overlaps[name]
	if !ok {
		return 0, fmt.Errorf("overlap %q: want one of %s", name, strings.Join(slices.Sorted(maps.Keys(overlaps)), ", "))
	}
	return policy, nil
}

// overlapName returns the name of a policy.
func overlapName(policy enums.ScheduleOverlapPolicy) string {
	for name, p := range overlaps {
		if p == policy {
			return name
		}
	}
	return policy.String()
}
