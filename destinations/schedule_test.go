package destinations_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations"
)

// Twelve retries take two days: a server that is repaired on the next morning loses nothing.
func TestPatientSchedule(t *testing.T) {
	t.Parallel()
	s := destinations.PatientSchedule()
	require.NoError(t, s.Validate())
	require.True(t, s.Realtime)
	total := time.Duration(0)
	for attempt := range *s.MaxRetries {
		total += s.Backoff(int(attempt) + 1)
	}
	require.InDelta(t, 45*time.Hour, total, float64(6*time.Hour))
}

func TestResolve(t *testing.T) {
	t.Parallel()
	type schedule = destinations.Schedule
	plain := destinations.DefaultSchedule()
	require.Equal(t, "@every 1h", plain.Interval)
	require.EqualValues(t, 72, *plain.MaxRetries)
	require.False(t, plain.Realtime)
	with := func(change func(s *schedule)) schedule {
		s := plain
		change(&s)
		return s
	}
	for name, test := range map[string]struct {
		action, destination *schedule
		want                schedule
	}{
		"nothing":         {nil, nil, plain},
		"the destination": {nil, &schedule{Realtime: true}, with(func(s *schedule) { s.Realtime = true })},
		"the action": {
			&schedule{Interval: "@daily"}, &schedule{Realtime: true, Interval: "@hourly"},
			with(func(s *schedule) { s.Interval = "@daily" }),
		},
		"both": {
			&schedule{Realtime: true}, &schedule{Interval: "@hourly", TimeZone: "Asia/Kolkata", InitialBackoff: time.Second, MaxBackoff: time.Minute},
			with(func(s *schedule) {
				s.Realtime, s.Interval, s.TimeZone, s.InitialBackoff, s.MaxBackoff = true, "@hourly", "Asia/Kolkata", time.Second, time.Minute
			}),
		},
		"no retries": {
			&schedule{MaxRetries: destinations.Retries(0)}, &schedule{MaxRetries: destinations.Retries(5)},
			with(func(s *schedule) { s.MaxRetries = destinations.Retries(0) }),
		},
		"the destination's retries": {
			&schedule{}, &schedule{MaxRetries: destinations.Retries(0)}, with(func(s *schedule) { s.MaxRetries = destinations.Retries(0) }),
		},
	} {
		d := destination("crm", "upsert")
		d.options.DefaultSchedule = test.destination
		require.Equal(t, test.want, destinations.Resolve(d, &action{name: "upsert", schedule: test.action}), name)
	}
}

func TestScheduleNext(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	next := must[time.Time](t)
	require.Equal(t, at.Add(time.Hour), next(destinations.Schedule{}.Next(at)))
	require.Equal(t, at.Add(2*time.Hour), next(destinations.Schedule{Interval: "0 3 * * *", TimeZone: "Europe/Berlin"}.Next(at)))
	_, err := destinations.Schedule{Interval: "soon"}.Next(at)
	require.ErrorContains(t, err, `"soon" has 1 fields`)
}

func TestScheduleValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, destinations.Schedule{}.Validate())
	err := destinations.Schedule{Interval: "61 * * * *", InitialBackoff: -1, MaxBackoff: -2}.Validate()
	require.ErrorContains(t, err, "field 1, the minute")
	require.ErrorContains(t, err, "the backoffs are -1ns and -2ns: want 0 or more")
	err = destinations.Schedule{InitialBackoff: 2 * time.Hour}.Validate()
	require.EqualError(t, err, "retries: the initial backoff of 2h0m0s is longer than the maximum of 1h0m0s")
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	s := destinations.Schedule{InitialBackoff: time.Second, MaxBackoff: 10 * time.Second}
	for attempts, most := range map[int]time.Duration{
		0: time.Second, 1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 4: 8 * time.Second, 5: 10 * time.Second,
		70_000: 10 * time.Second,
	} {
		for range 100 {
			wait := s.Backoff(attempts)
			require.LessOrEqual(t, wait, most)
			require.GreaterOrEqual(t, wait, most*8/10)
		}
	}
	// 72 retries are three days.
	var total time.Duration
	for attempt := 1; attempt <= 72; attempt++ {
		total += destinations.DefaultSchedule().Backoff(attempt)
	}
	require.InDelta(t, 60, total.Hours(), 9)
}

func TestPlan(t *testing.T) {
	t.Parallel()
	d := destination("crm", "upsert")
	d.options = destinations.Options{RatePerSecond: 8, BatchSize: 50, RedriveUnknown: true}
	plan := must[destinations.Plan](t)
	p := plan(destinations.PlanOf(d, d.actions[0], nil))
	require.Equal(t, destinations.Plan{
		Schedule: destinations.DefaultSchedule(), Concurrency: 1, RatePerSecond: 8, BatchSize: 50, Timeout: time.Minute,
		RedriveUnknown: true,
	}, p)
	require.Equal(t, 2*time.Minute, p.Lease())
	require.Equal(t, 30*time.Second, p.RedriveAfter())
	on, daily, zone, retries, ten, rate := true, "@daily", "Asia/Kolkata", int32(0), int32(10), 0.5
	settings := map[string]destinations.Settings{
		"":      {Paused: true, Realtime: &on, Interval: &daily, MaxRetries: &ten, Concurrency: &ten, Rate: &rate},
		"other": {BatchSize: &ten},
	}
	p = plan(destinations.PlanOf(d, d.actions[0], settings))
	require.True(t, p.Paused)
	require.True(t, p.Realtime)
	require.Equal(t, "@daily", p.Interval)
	require.EqualValues(t, 10, *p.MaxRetries)
	require.Equal(t, 10, p.Concurrency)
	require.InDelta(t, 0.5, p.RatePerSecond, 0)
	require.Equal(t, 50, p.BatchSize, "the other action's")
	settings["upsert"] = destinations.Settings{MaxRetries: &retries, TimeZone: &zone, BatchSize: &ten}
	p = plan(destinations.PlanOf(d, d.actions[0], settings))
	require.Zero(t, *p.MaxRetries, "the action counts more")
	require.Equal(t, zone, p.TimeZone)
	require.Equal(t, "@daily", p.Interval)
	require.Equal(t, 10, p.BatchSize)
	require.True(t, p.Paused)

	// An invalid setting of an operator does not stop deliveries.
	soon := "soon"
	settings["upsert"] = destinations.Settings{Interval: &soon}
	p, err := destinations.PlanOf(d, d.actions[0], settings)
	require.ErrorContains(t, err, "soon")
	require.Equal(t, "@every 1h", p.Interval)
	d.options.RedriveUnknown, d.options.RedriveLost = false, true
	require.Positive(t, plan(destinations.PlanOf(d, d.actions[0], nil)).RedriveAfter())
	d.options.RedriveLost = false
	require.Negative(t, plan(destinations.PlanOf(d, d.actions[0], nil)).RedriveAfter())
}
