package starter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
)

// SetSchedule replaces what a schedule imports and when; n.Name names it, and n.Paused is not looked at. unchanged is
// called with the schedule as it is now, and its error is returned: a schedule that another caller changes meanwhile is
// not overwritten, the error is store.ErrConflict then. It is store.ErrNotFound if the name is unknown.
func (s *Starter) SetSchedule(
	ctx context.Context, n NewSchedule, unchanged func(now Schedule) error,
) (Schedule, error) {
	if err := call.Mark(n.validate(), ErrInvalid); err != nil {
		return Schedule{}, err
	}
	entry := store.AuditEntry{Operation: "schedule.set", SubjectType: "schedule", SubjectID: n.Name}
	return store.AuditedResult(ctx, s.Store.Store, entry, func(ctx context.Context) (Schedule, error) {
		return s.setSchedule(ctx, n, unchanged)
	})
}

func (s *Starter) setSchedule(
	ctx context.Context, n NewSchedule, unchanged func(now Schedule) error,
) (Schedule, error) {
	row, err := s.requireSchedule(ctx, n.Name)
	if err != nil {
		return Schedule{}, err
	}
	now, err := storedSchedule(row)
	if err != nil {
		return Schedule{}, err
	}
	if err := unchanged(now); err != nil {
		return Schedule{}, err
	}
	data, site, err := s.encodeSchedule(ctx, n)
	if err != nil {
		return Schedule{}, err
	}
	store.NoteChange(ctx, json.RawMessage(row.Definition), data)
	store.NoteSubject(ctx, n.Name, site)
	if err := s.Store.Imports.SetSchedule(ctx, n.Name, row.Definition, data, n.Note); err != nil {
		return Schedule{}, err
	}
	if err := s.finishChange(ctx, n.Name, "change"); err != nil {
		if !isInvalid(err) {
			return Schedule{}, err
		}
		// Temporal permanently refuses it: the schedule stays as it was.
		return Schedule{}, errors.Join(call.Mark(err, ErrInvalid),
			s.Store.Imports.SetSchedule(context.WithoutCancel(ctx), n.Name, data, row.Definition, row.Note))
	}
	return s.Schedule(ctx, n.Name)
}

// StoredSchedule returns a schedule as the store knows it, without its runs, or store.ErrNotFound. It does not ask
// Temporal.
func (s *Starter) StoredSchedule(ctx context.Context, name string) (Schedule, error) {
	row, err := s.Store.Imports.Schedule(ctx, name)
	if err != nil {
		return Schedule{}, err
	}
	if row.DeletedAt != nil {
		return Schedule{}, fmt.Errorf("schedule %s: %w", name, store.ErrNotFound)
	}
	return storedSchedule(row)
}

// SchedulesOf returns at most limit schedules behind a name that a filter selects, each with its last run.
func (s *Starter) SchedulesOf(ctx context.Context, f ScheduleFilter, after string, limit int32) ([]Schedule, error) {
	list, rows := make([]Schedule, 0, limit), f.rows()
	for len(list) < int(limit) {
		names, err := s.Store.Imports.ScheduleNames(ctx, rows, after, limit-int32(len(list)))
		if err != nil || len(names) == 0 {
			return list, err
		}
		for _, name := range names {
			after = name
			view, err := s.schedule(ctx, name, 1)
			if errors.Is(err, store.ErrNotFound) {
				// It was deleted meanwhile.
				continue
			}
			if err != nil {
				return nil, err
			}
			list = append(list, view)
		}
	}
	return list, nil
}
