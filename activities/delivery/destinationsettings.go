package delivery

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/inbound"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// NextDue returns the status of an action. If a realtime action has due jobs, its producer is notified.
func (d *Destinations) NextDue(ctx context.Context, s StatusRequest) (ActionStatus, error) {
	defer activities.SendHeartbeats(ctx, nil)()
	return d.nextDue(ctx, s)
}

func (d *Destinations) nextDue(ctx context.Context, s StatusRequest) (ActionStatus, error) {
	status, err := d.status(ctx, s)
	if err == nil && status.Plan.Realtime && status.Due > 0 {
		err = d.Store.NotifyJobs(ctx, []deliverystore.ActionName{deliverystore.ActionName(s.ActionRef)})
	}
	return status, activities.Failure(err)
}

func (d *Destinations) status(ctx context.Context, s StatusRequest) (ActionStatus, error) {
	p, err := d.plan(ctx, s.ActionRef)
	if err != nil {
		return ActionStatus{}, err
	}
	plan := p.plan
	claim := claimOf(p.dest, p.action, plan)
	claim.RetriesOnly = !plan.Realtime && !s.Full
	backlog, err := d.Store.Backlog(ctx, claim)
	if err != nil {
		return ActionStatus{}, err
	}
	answer := ActionStatus{
		Plan: ActionPlan{
			Realtime: plan.Realtime, Interval: plan.Interval, TimeZone: plan.TimeZone, MaxRetries: int(*plan.MaxRetries),
			Concurrency: plan.Concurrency, RatePerSecond: plan.RatePerSecond, BatchSize: plan.BatchSize,
			TimeoutSeconds: plan.Timeout.Seconds(), Paused: plan.Paused,
		},
		NextDue: backlog.Next.UTC(), Due: backlog.Due, Blocked: backlog.Blocked, Waiting: backlog.Waiting,
	}
	if backlog.Next.IsZero() {
		answer.NextDue = time.Time{}
	}
	if answer.Unhealthy, err = d.unhealthy(ctx, s.ActionRef); err != nil {
		return ActionStatus{}, err
	}
	answer.NextRun, err = nextRun(plan, s)
	return answer, err
}

// maxUnhealthy is how many unhealthy connections a history holds.
const maxUnhealthy = 5

// unhealthy returns the unhealthy connections that jobs of an action wait for.
func (d *Destinations) unhealthy(ctx context.Context, ref ActionRef) ([]UnhealthyConnection, error) {
	rows, err := d.Store.UnhealthyOf(ctx, ref.Destination, ref.Action, maxUnhealthy)
	if err != nil {
		return nil, err
	}
	var all []UnhealthyConnection
	for _, h := range rows {
		u := UnhealthyConnection{
			Connection: cmp.Or(deliverystore.NamedConnection(h.Connection), h.Connection),
			State:      deliverystore.ConnectionState(h, time.Now()),
			Failures:   h.Failures, Reason: inbound.Cut(h.Reason, maxReason),
		}
		if h.OpenUntil != nil {
			u.OpenUntil = h.OpenUntil.UTC()
		}
		if h.PausedAt != nil {
			u.Reason = inbound.Cut(h.PausedReason, maxReason)
		}
		all = append(all, u)
	}
	return all, nil
}

// nextRun returns the next run of the schedule. An earlier answer stays valid while the schedule is the
// same: the hour of "@every 1h" does not begin anew with each request.
func nextRun(plan destinations.Plan, s StatusRequest) (time.Time, error) {
	if s.NextRun.After(s.Now) && s.Interval == plan.Interval && s.TimeZone == plan.TimeZone {
		return s.NextRun, nil
	}
	return plan.Next(s.Now)
}

// saveAttempts bounds the attempts to write settings that others change at the same time.
const saveAttempts = 10

// Apply changes the settings of an action in the store, and returns its status after that. Settings
// that the program cannot use are refused.
func (d *Destinations) Apply(ctx context.Context, c SettingsChange) (ActionStatus, error) {
	defer activities.SendHeartbeats(ctx, nil)()
	err := store.ErrConflict
	for attempt := 0; attempt < saveAttempts && errors.Is(err, store.ErrConflict); attempt++ {
		err = d.apply(ctx, c)
	}
	if err != nil {
		return ActionStatus{}, activities.Failure(err)
	}
	return d.nextDue(ctx, c.StatusRequest)
}

func (d *Destinations) apply(ctx context.Context, c SettingsChange) error {
	if c.TryNow {
		if _, _, err := d.Registry.LookupAction(c.Destination, c.Action); err != nil {
			return err
		}
		if err := d.Store.TryNow(ctx, c.Destination, c.Action); err != nil {
			return err
		}
		if c.Paused == nil {
			return nil
		}
	}

	dest, action, err := d.Registry.LookupAction(c.Destination, c.Action)
	if err != nil {
		return err
	}
	settings, err := d.Store.Settings(ctx, c.Destination)
	if err != nil {
		return err
	}
	if c.Paused != nil && !*c.Paused && settings[""].Paused {
		return importers.Permanent(importers.ClassInput,
			errors.New("the destination is paused as a whole: resume the destination to resume its actions"))
	}
	changed := c.onto(settings[c.Action])
	settings[c.Action] = changed
	if _, err := destinations.PlanOf(dest, action, SettingsOf(settings)); err != nil {
		return importers.Permanent(importers.ClassInput, err)
	}
	_, err = d.Store.SaveSettings(ctx, deliverystore.ChangedSettings{
		Destination: c.Destination, Action: c.Action, Paused: changed.Paused, Realtime: changed.Realtime,
		Interval: changed.Interval, TimeZone: changed.TimeZone, MaxRetries: changed.MaxRetries,
		Concurrency: changed.Concurrency, BatchSize: changed.BatchSize, Rate: changed.Rate,
		UpdatedBy: c.By, Replaces: changed.Version,
	})
	return err
}

// onto applies the change to settings.
func (c SettingsChange) onto(set deliverystore.Settings) deliverystore.Settings {
	if c.Paused != nil {
		set.Paused = *c.Paused
	}
	if c.Realtime != nil {
		set.Realtime = c.Realtime
	}
	replace(&set.Interval, c.Interval)
	replace(&set.TimeZone, c.TimeZone)
	replace(&set.Rate, c.Rate)
	replace(&set.Concurrency, c.Concurrency)
	return set
}

// replace sets a setting; an empty value removes it.
func replace[T comparable](set **T, value *T) {
	var none T
	switch {
	case value == nil:
	case *value == none:
		*set = nil
	default:
		*set = value
	}
}
