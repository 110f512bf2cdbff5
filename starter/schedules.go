package starter

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/internal/inbound"
	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/importing"
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
	Settings importacts.ImportSettings
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
	// under OverlapAllow have no predecessor, and are not counted.
	PauseAfterFailures int
}

var validScheduleName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// validate reports every fault that it finds without I/O.
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
	if err := call.Mark(n.validate(), ErrInvalid); err != nil {
		return Schedule{}, err
	}
	entry := store.AuditEntry{
		Operation: "schedule.create", SubjectType: "schedule", SubjectID: n.Name, Site: n.Request.Site,
	}
	return store.AuditedResult(ctx, s.Store.Store, entry, func(ctx context.Context) (Schedule, error) {
		return s.createSchedule(ctx, n)
	})
}

// scheduleEntry is the audit's entry of a change of a schedule. The site is "" if the definition cannot be read.
func scheduleEntry(verb string, row importstore.Schedule, after any) store.AuditEntry {
	d, _ := parseDefinition(row) //nolint:errcheck // a change of it, or its deletion, does not depend on it
	return store.AuditEntry{
		Operation: "schedule." + verb, SubjectType: "schedule", SubjectID: row.Name, Site: d.Input.Request.Site, After: after,
	}
}

func (s *Starter) createSchedule(ctx context.Context, n NewSchedule) (Schedule, error) {
	data, _, err := s.encodeSchedule(ctx, n)
	if err != nil {
		return Schedule{}, err
	}
	if err := s.recordSchedule(ctx, n, data); err != nil {
		return Schedule{}, err
	}
	if err := s.finishChange(ctx, n.Name, "create"); isInvalid(err) {
		// Temporal permanently refuses it.
		return Schedule{}, errors.Join(call.Mark(err, ErrInvalid), s.DeleteSchedule(context.WithoutCancel(ctx), n.Name))
	} else if err != nil {
		return Schedule{}, err
	}
	return s.Schedule(ctx, n.Name)
}

// encodeSchedule checks the request of a schedule, and returns the definition that the store keeps, and its site.
func (s *Starter) encodeSchedule(ctx context.Context, n NewSchedule) (data json.RawMessage, site string, err error) {
	request, err := s.checkScheduled(ctx, n.Request, n.Settings)
	if err != nil {
		return nil, "", err
	}
	in := importing.ScheduledInput{Schedule: n.Name, Request: request, PauseAfterFailures: n.PauseAfterFailures}
	if err := call.Mark(checkSize(in), ErrInvalid); err != nil {
		return nil, "", err
	}
	if data, err = json.Marshal(definitionOf(n, in)); err != nil {
		return nil, "", fmt.Errorf("encode schedule %s: %w", n.Name, err)
	}
	return data, request.Site, nil
}

// recordSchedule adds a schedule to the store. The error is store.ErrTaken if the store or
// Temporal has one of that name; one that is being deleted is deleted first.
func (s *Starter) recordSchedule(ctx context.Context, n NewSchedule, data json.RawMessage) error {
	row, err := s.knownSchedule(ctx, n.Name)
	if err == nil && row.DeletedAt != nil {
		err = s.finishChange(ctx, n.Name, "delete")
	} else if err == nil {
		err = fmt.Errorf("schedule %s: %w", n.Name, store.ErrTaken)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	store.NoteChange(ctx, nil, data)
	return s.Store.Imports.AddSchedule(ctx, importstore.NewSchedule{
		Name: n.Name, Definition: data, Paused: n.Paused, Note: n.Note, CreatedAt: time.Now(),
	})
}

// scheduleOptions are the schedule as the server takes it.
func scheduleOptions(n NewSchedule, in importing.ScheduledInput) (client.ScheduleOptions, error) {
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

// PauseSchedule pauses a schedule: it starts no imports; running imports continue. The errors of this and
// the other changes are store.ErrNotFound, and that of Temporal, after which workers retry the change.
func (s *Starter) PauseSchedule(ctx context.Context, name string, by By) error {
	return s.setPaused(ctx, name, true, "pause", noteOf("paused", by))
}

// ResumeSchedule resumes a paused schedule, from the next time on. The errors are those of PauseSchedule.
func (s *Starter) ResumeSchedule(ctx context.Context, name string, by By) error {
	return s.setPaused(ctx, name, false, "resume", noteOf("resumed", by))
}

func (s *Starter) setPaused(ctx context.Context, name string, paused bool, what, note string) error {
	row, err := s.requireSchedule(ctx, name)
	if err != nil {
		return err
	}
	entry := scheduleEntry(what, row, map[string]any{"paused": paused, "note": note})
	entry.Before = map[string]any{"paused": row.Paused, "note": row.Note}
	return s.Store.Audited(ctx, entry, func(ctx context.Context) error {
		if err := s.Store.Imports.SetSchedulePaused(ctx, name, paused, note); err != nil {
			return err
		}
		return s.finishChange(ctx, name, what)
	})
}

// PauseFailing pauses a schedule whose imports keep failing. One that is paused keeps its
// note. Without such a schedule nothing happens. The error is that of the store or of Temporal.
func (s *Starter) PauseFailing(ctx context.Context, name, note string) error {
	if _, err := s.requireSchedule(ctx, name); errors.Is(err, store.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	if err := s.Store.Imports.PauseFailingSchedule(ctx, name, "paused by sluice: "+note); err != nil {
		return err
	}
	return s.finishChange(ctx, name, "pause")
}

// TriggerSchedule runs a schedule now, also a paused one. Where an import of it is under
// way its overlap policy decides, unless overlap names another. The errors are store.ErrNotFound, that of an
// unknown policy, and that of Temporal, which has not run it then.
func (s *Starter) TriggerSchedule(ctx context.Context, name, overlap string) error {
	options := client.ScheduleTriggerOptions{}
	if overlap != "" {
		policy, err := overlapPolicy(overlap, overlap)
		if err != nil {
			return call.Mark(err, ErrInvalid)
		}
		options.Overlap = policy
	}
	return s.runSchedule(ctx, name, "trigger", map[string]string{"overlap": overlap},
		func(h client.ScheduleHandle) error { return h.Trigger(ctx, options) })
}

// DeleteSchedule deletes a schedule. Its imports stay; running ones continue. If Temporal
// cannot be reached the store remembers it, and workers delete it there. The errors are those of
// PauseSchedule.
func (s *Starter) DeleteSchedule(ctx context.Context, name string) error {
	row, err := s.knownSchedule(ctx, name)
	if err != nil {
		return err
	}
	entry := scheduleEntry("delete", row, nil)
	entry.Before = json.RawMessage(row.Definition)
	return s.Store.Audited(ctx, entry, func(ctx context.Context) error {
		if err := s.Store.Imports.MarkScheduleDeleted(ctx, name); err != nil {
			return fmt.Errorf("delete schedule %s: %w", name, err)
		}
		return s.finishChange(ctx, name, "delete")
	})
}

// runSchedule makes a schedule run. Temporal has it before, also if it had lost it. The error
// is store.ErrNotFound if the name is unknown.
func (s *Starter) runSchedule(
	ctx context.Context, name, what string, about any, run func(h client.ScheduleHandle) error,
) error {
	row, err := s.requireSchedule(ctx, name)
	if err == nil {
		_, err = s.SyncSchedule(ctx, name)
	}
	if err == nil {
		entry := scheduleEntry(what, row, about)
		entry.Ahead = true
		err = s.Store.Audited(ctx, entry, func(context.Context) error {
			return run(s.Temporal.ScheduleClient().GetHandle(ctx, workflows.ScheduleID(name)))
		})
	}
	if errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%s schedule %s: %w", what, name, err)
	}
	return nil
}

func isInvalid(err error) bool {
	var invalid *serviceerror.InvalidArgument
	return errors.As(err, &invalid)
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
	return inbound.Cut(note, maxNote)
}
