package starter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// Defaults and limits of schedules.
const (
	// DefaultCatchup is how late a run may begin that no server could start in time.
	DefaultCatchup = time.Hour
	// minCatchup is what the server takes at least.
	minCatchup = 10 * time.Second
	// DefaultPauseAfterFailures is after how many failures in a row a schedule is paused.
	DefaultPauseAfterFailures = 10
	// maxNote bounds a schedule's note, in bytes.
	maxNote = 1000
)

// NewSchedule is a schedule to be created. Name, Request and Timing are required.
type NewSchedule struct {
	// Name names it: 1 to 63 lower case letters, digits, dashes and underscores.
	Name string
	// Request is what to import at each time. Its Settings, IdempotencyKey and Schedule
	// are not looked at.
	Request Request
	// Settings replace settings of the worker, one by one.
	Settings activities.ImportSettings
	Timing   Timing
	// Overlap is one of the constants that begin with Overlap. Defaults to OverlapSkip.
	Overlap string
	// Catchup is how late a run may begin. Defaults to DefaultCatchup; at least 10s.
	Catchup time.Duration
	// Paused creates it without letting it run yet.
	Paused bool
	// Note says what it is for.
	Note string
	// PauseAfterFailures is after how many failures in a row it is paused; 0 is never. Runs
	// under OverlapAllow follow nobody, and are not counted.
	PauseAfterFailures int
}

var validScheduleName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// validate reports every fault that shows without asking anybody.
func (n NewSchedule) validate() error {
	faults := []error{n.Timing.Validate()}
	if !validScheduleName.MatchString(n.Name) {
		faults = append(faults, fmt.Errorf(
			"%q is not a schedule's name: want 1 to 63 lower case letters, digits, dashes and underscores", n.Name))
	}
	if _, err := overlapPolicy(n.Overlap, OverlapSkip); err != nil {
		faults = append(faults, err)
	}
	if n.Catchup != 0 && n.Catchup < minCatchup {
		faults = append(faults, fmt.Errorf("a catch-up window of %s: want at least %s", n.Catchup, minCatchup))
	}
	if n.PauseAfterFailures < 0 {
		faults = append(faults, fmt.Errorf("pause after %d failures: want 0, for never, or more", n.PauseAfterFailures))
	}
	if len(n.Note) > maxNote {
		faults = append(faults, fmt.Errorf("a note of %d bytes: at most %d are allowed", len(n.Note), maxNote))
	}
	return errors.Join(faults...)
}

// CreateSchedule creates a schedule. The errors are store.ErrTaken if there is one of that
// name, and store.ErrNotFound if its site does not exist.
func (s *Starter) CreateSchedule(ctx context.Context, n NewSchedule) (Schedule, error) {
	if err := n.validate(); err != nil {
		return Schedule{}, err
	}
	request, err := s.checkScheduled(ctx, n.Request, n.Settings)
	if err != nil {
		return Schedule{}, err
	}
	in := workflows.ScheduledInput{Schedule: n.Name, Request: request, PauseAfterFailures: n.PauseAfterFailures}
	if err := checkSize(in); err != nil {
		return Schedule{}, err
	}
	options, err := scheduleOptions(n, in)
	if err != nil {
		return Schedule{}, err
	}
	handle, err := s.Temporal.ScheduleClient().Create(ctx, options)
	if errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return Schedule{}, fmt.Errorf("schedule %s: %w", n.Name, store.ErrTaken)
	}
	if err != nil {
		return Schedule{}, fmt.Errorf("create schedule %s: %w", n.Name, err)
	}
	created, err := s.Schedule(ctx, n.Name)
	if err != nil || len(created.Next) > 0 {
		return created, err
	}
	// Only the server's calendar knows that there is no 30th of February.
	never := fmt.Errorf("schedule %s would never run: no day matches %q", n.Name, n.Timing.Cron)
	return Schedule{}, errors.Join(never, handle.Delete(ctx))
}

// scheduleOptions are the schedule as the server takes it.
func scheduleOptions(n NewSchedule, in workflows.ScheduledInput) (client.ScheduleOptions, error) {
	overlap, err := overlapPolicy(n.Overlap, OverlapSkip)
	if err != nil {
		return client.ScheduleOptions{}, err
	}
	about := temporal.NewSearchAttributes(
		workflows.AttributeSite.ValueSet(in.Request.Site), workflows.AttributeSource.ValueSet(in.Request.Source))
	return client.ScheduleOptions{
		ID: workflows.ScheduleID(n.Name), Spec: n.Timing.spec(),
		Overlap: overlap, CatchupWindow: cmp.Or(n.Catchup, DefaultCatchup), Note: n.Note, Paused: n.Paused,
		TypedSearchAttributes: about,
		Action: &client.ScheduleWorkflowAction{
			ID: workflows.ScheduledID(n.Name), Workflow: workflows.TypeScheduledImport, Args: []any{in},
			TaskQueue: workflows.QueueMain, TypedSearchAttributes: about,
			StaticSummary: fmt.Sprintf("%s into %s, by schedule %s", in.Request.Source, in.Request.Site, n.Name),
		},
	}, nil
}

// PauseSchedule pauses a schedule: nothing is started any more; what is under way goes on.
func (s *Starter) PauseSchedule(ctx context.Context, name string, by By) error {
	return s.changeSchedule(ctx, name, "pause", func(h client.ScheduleHandle) error {
		return h.Pause(ctx, client.SchedulePauseOptions{Note: noteOf("paused", by)})
	})
}

// PauseFailing pauses a schedule whose imports keep failing. One that is paused keeps its
// note, and one that is gone is none of our business any more.
func (s *Starter) PauseFailing(ctx context.Context, name, note string) error {
	handle := s.Temporal.ScheduleClient().GetHandle(ctx, workflows.ScheduleID(name))
	now, err := handle.Describe(ctx)
	if err == nil && !now.Schedule.State.Paused {
		err = handle.Pause(ctx, client.SchedulePauseOptions{Note: "paused by sluice: " + note})
	}
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("pause schedule %s: %w", name, err)
	}
	return nil
}

// ResumeSchedule lets a paused schedule go on with the next time that comes.
func (s *Starter) ResumeSchedule(ctx context.Context, name string, by By) error {
	return s.changeSchedule(ctx, name, "resume", func(h client.ScheduleHandle) error {
		return h.Unpause(ctx, client.ScheduleUnpauseOptions{Note: noteOf("resumed", by)})
	})
}

// TriggerSchedule runs a schedule now, also a paused one. Where an import of it is under
// way its overlap policy decides, unless overlap names another.
func (s *Starter) TriggerSchedule(ctx context.Context, name, overlap string) error {
	options := client.ScheduleTriggerOptions{}
	if overlap != "" {
		policy, err := overlapPolicy(overlap, overlap)
		if err != nil {
			return err
		}
		options.Overlap = policy
	}
	return s.changeSchedule(ctx, name, "trigger", func(h client.ScheduleHandle) error { return h.Trigger(ctx, options) })
}

// DeleteSchedule deletes a schedule. Its imports stay; those under way go on.
func (s *Starter) DeleteSchedule(ctx context.Context, name string) error {
	return s.changeSchedule(ctx, name, "delete", func(h client.ScheduleHandle) error { return h.Delete(ctx) })
}

// changeSchedule changes a schedule. The error is store.ErrNotFound if there is none of
// that name.
func (s *Starter) changeSchedule(
	ctx context.Context, name, what string, change func(h client.ScheduleHandle) error,
) error {
	handle := s.Temporal.ScheduleClient().GetHandle(ctx, workflows.ScheduleID(name))
	// Some of the server's orders are put into a mailbox, also of a schedule that has been
	// deleted: only looking tells.
	_, err := handle.Describe(ctx)
	if err == nil {
		err = change(handle)
	}
	if isNotFound(err) {
		return fmt.Errorf("schedule %s: %w", name, store.ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("%s schedule %s: %w", what, name, err)
	}
	return nil
}

func isNotFound(err error) bool {
	var notFound *serviceerror.NotFound
	return errors.As(err, &notFound)
}

// noteOf is the note of an order.
func noteOf(what string, by By) string {
	note := what
	if by.Who != "" {
		note += " by " + by.Who
	}
	if why := strings.TrimSpace(by.Why); why != "" {
		note += ": " + why
	}
	return note[:min(len(note), maxNote)]
}
