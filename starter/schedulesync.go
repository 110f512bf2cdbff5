package starter

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/importing"
)

// syncTimeout bounds the calls of Temporal while the row of a schedule is locked.
const syncTimeout = 20 * time.Second

// definition is what the store knows of a schedule beyond its state.
type definition struct {
	Input   importing.ScheduledInput `json:"input"`
	Timing  Timing                   `json:"timing"`
	Overlap string                   `json:"overlap"`
	Catchup time.Duration            `json:"catchup_ns"`
}

// definitionOf returns the definition of a new schedule.
func definitionOf(n NewSchedule, in importing.ScheduledInput) definition {
	d := definition{
		Input: in, Timing: n.Timing, Overlap: cmp.Or(n.Overlap, OverlapSkip), Catchup: cmp.Or(n.Catchup, DefaultCatchup),
	}
	d.Timing.Cron, d.Timing.TimeZone = strings.TrimSpace(d.Timing.Cron), cmp.Or(d.Timing.TimeZone, "UTC")
	return d
}

// described returns the definition of Temporal's schedule of that name. The error is errForeign unless sluice made it.
func described(name string, now client.Schedule) (definition, error) {
	in, err := inputOf(name, now.Action)
	if err != nil {
		return definition{}, err
	}
	return definition{
		Input: in, Timing: timingOf(now.Spec), Overlap: overlapName(now.Policy.Overlap), Catchup: now.Policy.CatchupWindow,
	}, nil
}

// parseDefinition reads a schedule of the store.
func parseDefinition(row importstore.Schedule) (definition, error) {
	var d definition
	if err := json.Unmarshal(row.Definition, &d); err != nil {
		return d, fmt.Errorf("read the definition of schedule %s: %w", row.Name, err)
	}
	return d, nil
}

// options are the schedule as Temporal takes it.
func (d definition) options(row importstore.Schedule) (client.ScheduleOptions, error) {
	return scheduleOptions(NewSchedule{
		Name: row.Name, Timing: d.Timing, Overlap: d.Overlap, Catchup: d.Catchup, Paused: row.Paused, Note: row.Note,
	}, d.Input)
}

// SyncSchedule makes Temporal's schedule of that name what the store says: it is created,
// changed or deleted. done says what was done, "" if nothing. It may be called at any time, and
// by many at once. The error is that of the store or of Temporal, or says what Temporal refuses in the schedule.
func (s *Starter) SyncSchedule(ctx context.Context, name string) (done string, err error) {
	err = s.Store.Imports.SyncSchedule(ctx, name, func(row importstore.Schedule) error {
		ctx, cancel := context.WithTimeout(ctx, syncTimeout)
		defer cancel()
		done, err = s.applySchedule(ctx, row)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("apply schedule %s in Temporal: %w", name, err)
	}
	return done, nil
}

func (s *Starter) applySchedule(ctx context.Context, row importstore.Schedule) (string, error) {
	handle := s.Temporal.ScheduleClient().GetHandle(ctx, workflows.ScheduleID(row.Name))
	if row.DeletedAt != nil {
		if err := handle.Delete(ctx); err != nil && !call.IsNotFound(err) {
			return "", fmt.Errorf("delete it: %w", err)
		}
		return "deleted", nil
	}
	wanted, err := parseDefinition(row)
	if err != nil {
		return "", err
	}
	options, err := wanted.options(row)
	if err != nil {
		return "", err
	}
	now, err := handle.Describe(ctx)
	if call.IsNotFound(err) {
		if _, err = s.Temporal.ScheduleClient().Create(ctx, options); err != nil {
			return "", fmt.Errorf("create it: %w", err)
		}
		return "created", nil
	}
	if err != nil {
		return "", fmt.Errorf("describe it: %w", err)
	}
	return s.changeToStored(ctx, handle, now.Schedule, wanted, options)
}

// changeToStored changes Temporal's schedule if it differs.
func (s *Starter) changeToStored(
	ctx context.Context, handle client.ScheduleHandle, now client.Schedule, wanted definition,
	options client.ScheduleOptions,
) (string, error) {
	// A schedule that starts something else differs, too.
	has, err := described(wanted.Input.Schedule, now)
	if err == nil && sameDefinition(has, wanted) && now.State.Paused == options.Paused && now.State.Note == options.Note {
		return "", nil
	}
	err = handle.Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(latest client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			changed := latest.Description.Schedule
			changed.State.Paused, changed.State.Note = options.Paused, options.Note
			changed.Spec, changed.Action = &options.Spec, options.Action
			changed.Policy.Overlap, changed.Policy.CatchupWindow = options.Overlap, options.CatchupWindow
			return &client.ScheduleUpdate{Schedule: &changed, TypedSearchAttributes: &options.TypedSearchAttributes}, nil
		},
	})
	if err != nil {
		return "", fmt.Errorf("change it: %w", err)
	}
	return "changed", nil
}

// sameDefinition compares what two definitions are stored as.
func sameDefinition(a, b definition) bool {
	one, errOne := json.Marshal(a)
	two, errTwo := json.Marshal(b)
	return errOne == nil && errTwo == nil && bytes.Equal(one, two)
}

// AdoptSchedule adds Temporal's schedule of that name to the store, unless the store has it.
// The error is store.ErrNotFound if Temporal has no such schedule.
func (s *Starter) AdoptSchedule(ctx context.Context, name string) (bool, error) {
	adopted, err := s.Store.Imports.AdoptSchedule(ctx, name, func() (importstore.NewSchedule, error) {
		ctx, cancel := context.WithTimeout(ctx, syncTimeout)
		defer cancel()
		now, err := s.Temporal.ScheduleClient().GetHandle(ctx, workflows.ScheduleID(name)).Describe(ctx)
		if call.IsNotFound(err) {
			return importstore.NewSchedule{}, store.ErrNotFound
		}
		if err != nil {
			return importstore.NewSchedule{}, fmt.Errorf("describe it: %w", err)
		}
		d, err := described(name, now.Schedule)
		if err != nil {
			return importstore.NewSchedule{}, err
		}
		data, err := json.Marshal(d)
		return importstore.NewSchedule{
			Name: name, Definition: data, Paused: now.Schedule.State.Paused, Note: now.Schedule.State.Note,
			CreatedAt: now.Info.CreatedAt,
		}, err
	})
	if err != nil {
		return false, fmt.Errorf("schedule %s: %w", name, err)
	}
	return adopted, nil
}

// knownSchedule returns a schedule of the store; one that only Temporal has is adopted first.
// The error is store.ErrNotFound if neither has it.
func (s *Starter) knownSchedule(ctx context.Context, name string) (importstore.Schedule, error) {
	row, err := s.Store.Imports.Schedule(ctx, name)
	if !errors.Is(err, store.ErrNotFound) {
		return row, err
	}
	if _, err := s.AdoptSchedule(ctx, name); err != nil {
		return importstore.Schedule{}, err
	}
	return s.Store.Imports.Schedule(ctx, name)
}

// requireSchedule returns a schedule of the store that is not being deleted; one that only Temporal has is adopted
// first. The error is store.ErrNotFound if there is none.
func (s *Starter) requireSchedule(ctx context.Context, name string) (importstore.Schedule, error) {
	row, err := s.knownSchedule(ctx, name)
	if err == nil && row.DeletedAt != nil {
		err = fmt.Errorf("schedule %s: %w", name, store.ErrNotFound)
	}
	return row, err
}

// finishChange applies a change of a schedule that the store has.
func (s *Starter) finishChange(ctx context.Context, name, what string) error {
	if _, err := s.SyncSchedule(ctx, name); err != nil {
		return fmt.Errorf("%s schedule %s: the store has recorded it, and workers retry until Temporal has it, too: %w",
			what, name, err)
	}
	return nil
}

// AdoptSchedules adds the schedules to the store that only Temporal has, as of an earlier version or before a restore
// of the store, and returns their names. Schedules of other programs are ignored. The error joins those of the store
// and of Temporal; the other schedules are added.
func (s *Starter) AdoptSchedules(ctx context.Context) (added []string, err error) {
	unknown, err := s.UnknownSchedules(ctx)
	faults := []error{err}
	for _, name := range unknown {
		adopted, err := s.AdoptSchedule(ctx, name)
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, errForeign) {
			faults = append(faults, err)
		}
		if adopted {
			added = append(added, name)
		}
	}
	return added, errors.Join(faults...)
}

// UnknownSchedules returns the names of sluice's schedules in Temporal that the store does not have. The error is that
// of the store or of Temporal.
func (s *Starter) UnknownSchedules(ctx context.Context) ([]string, error) {
	// Temporal comes first: a name that is added to both meanwhile is in the store's list.
	names, err := s.temporalSchedules(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := s.Store.Imports.ListSchedules(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the schedules of the store: %w", err)
	}
	for _, row := range rows {
		delete(names, row.Name)
	}
	return slices.Collect(maps.Keys(names)), nil
}

// temporalSchedules returns the names of sluice's schedules in Temporal: their IDs have its prefix, and they start its
// workflow. Other programs may share the namespace. The listing is a little behind.
func (s *Starter) temporalSchedules(ctx context.Context) (map[string]bool, error) {
	entries, err := s.Temporal.ScheduleClient().List(ctx, client.ScheduleListOptions{PageSize: 1000})
	if err != nil {
		return nil, fmt.Errorf("list schedules: %w", err)
	}
	names := map[string]bool{}
	for entries.HasNext() {
		entry, err := entries.Next()
		if err != nil {
			return nil, fmt.Errorf("list schedules: %w", err)
		}
		name, ours := strings.CutPrefix(entry.ID, workflows.ScheduleID(""))
		if ours && entry.WorkflowType.Name == workflows.TypeScheduledImport {
			names[name] = true
		}
	}
	return names, nil
}
