package delivery

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// Selection selects the jobs of a command in exactly one way.
type Selection struct {
	// IDs are the jobs themselves. A job that the command does not apply to is an error.
	IDs []string
	// Filter selects those of the matching jobs that the command applies to.
	Filter *deliverystore.JobFilter
	// All selects every job.
	All bool
	// Most bounds the jobs of a filter, or of All: if more are selected the command is refused, and changes nothing.
	// Defaults to 0, any number.
	Most int64
}

// Validate returns starter.ErrInvalid unless jobs are selected in exactly one way.
func (s Selection) Validate() error {
	ways := 0
	for _, way := range []bool{len(s.IDs) > 0, s.Filter != nil, s.All} {
		if way {
			ways++
		}
	}
	switch {
	case ways == 0:
		return call.Mark(errors.New("no jobs selected: want IDs, a filter or all"), call.ErrInvalid)
	case ways > 1:
		return call.Mark(errors.New("conflicting selections of jobs: want IDs, a filter or all"), call.ErrInvalid)
	case s.Most < 0:
		return call.Mark(fmt.Errorf("at most %d jobs: want 0 or more", s.Most), call.ErrInvalid)
	}
	return nil
}

// filter returns the filter of a selection.
func (s Selection) filter() deliverystore.JobFilter {
	if s.Filter == nil {
		return deliverystore.JobFilter{IDs: s.IDs}
	}
	return *s.Filter
}

// CountChanges counts the jobs that Change would change.
func (j Jobs) CountChanges(ctx context.Context, c deliverystore.JobCommand, s Selection) (int64, error) {
	if err := s.Validate(); err != nil {
		return 0, err
	}
	return j.Store.Deliveries.CountChanges(ctx, c, s.filter())
}

// Change gives a command to jobs and notifies the producers of those that it makes due. It returns the number of
// changed jobs, also with an error: earlier ones stay changed. The errors are starter.ErrInvalid for the selection,
// store.ErrConflict if more jobs are selected than Selection.Most, and for each ID store.ErrNotFound, or
// starter.ErrRefused if the command does not apply to the job's state.
func (j Jobs) Change(
	ctx context.Context, c deliverystore.JobCommand, s Selection, by call.By,
) (changed int64, err error) {
	if err := s.Validate(); err != nil {
		return 0, err
	}
	if len(s.IDs) > 0 {
		changed, err = j.changeEach(ctx, c, s.IDs, orderOf(by))
	} else {
		changed, err = j.changeMany(ctx, c, s, orderOf(by))
	}
	if c.MakesDue() && changed > 0 {
		err = errors.Join(err, j.notifyDue(ctx))
	}
	return changed, err
}

// changeMany changes the jobs of a filter, at most s.Most.
func (j Jobs) changeMany(
	ctx context.Context, c deliverystore.JobCommand, s Selection, o deliverystore.Order,
) (int64, error) {
	if s.Most > 0 {
		n, err := j.Store.Deliveries.CountChanges(ctx, c, s.filter())
		if err != nil {
			return 0, err
		}
		if n > s.Most {
			return 0, tooMany(n, s.Most)
		}
	}
	return j.Store.Deliveries.ChangeJobs(ctx, c, s.filter(), s.Most, o)
}

func tooMany(n, most int64) error {
	return fmt.Errorf("%d jobs are selected, at most %d are allowed: count them again, and nothing is changed: %w",
		n, most, store.ErrConflict)
}

// changeEach changes jobs one by one, with an error for each that the command does not apply to.
func (j Jobs) changeEach(
	ctx context.Context, c deliverystore.JobCommand, ids []string, o deliverystore.Order,
) (changed int64, err error) {
	var faults []error
	for _, id := range ids {
		n, err := j.Store.Deliveries.ChangeJobs(ctx, c, deliverystore.JobFilter{IDs: []string{id}}, 1, o)
		changed += n
		if err == nil && n == 0 {
			err = j.refusal(ctx, id, c)
		}
		faults = append(faults, err)
	}
	return changed, errors.Join(faults...)
}

// refusal is the error of a command that does not apply to a job.
func (j Jobs) refusal(ctx context.Context, id string, c deliverystore.JobCommand) error {
	job, err := j.Store.Deliveries.Job(ctx, id)
	if err != nil {
		return err
	}
	return call.Mark(fmt.Errorf("job %s is %s: it cannot be %s", id, job.State, Done(c)), call.ErrRefused)
}

// Done is what a command has done to its jobs, such as retried.
func Done(c deliverystore.JobCommand) string {
	return map[deliverystore.JobCommand]string{
		deliverystore.CommandRetry: "retried", deliverystore.CommandCancel: "cancelled", deliverystore.CommandHold: "held",
		deliverystore.CommandRelease: "released", deliverystore.CommandSucceed: "resolved as succeeded",
		deliverystore.CommandDiscard: "resolved as discarded",
	}[c]
}

// CountReplay counts the jobs that Replay would replay.
func (j Jobs) CountReplay(ctx context.Context, s Selection) (int64, error) {
	if err := s.Validate(); err != nil {
		return 0, err
	}
	return j.Store.Deliveries.CountJobs(ctx, s.filter())
}

// Replay adds new jobs for jobs in any state, which do not change, and notifies the producers. It returns the IDs of
// the new jobs, also with an error. The errors are those of Change.
func (j Jobs) Replay(ctx context.Context, s Selection, by call.By) (added []string, err error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	for _, id := range s.IDs {
		// The query would skip an unknown ID silently.
		if _, err := j.Store.Deliveries.Job(ctx, id); err != nil {
			return nil, err
		}
	}
	if s.Most > 0 {
		n, err := j.Store.Deliveries.CountJobs(ctx, s.filter())
		if err != nil {
			return nil, err
		}
		if n > s.Most {
			return nil, tooMany(n, s.Most)
		}
	}
	added, err = j.replayPages(ctx, s, orderOf(by))
	if len(added) > 0 {
		err = errors.Join(err, j.notifyDue(ctx))
	}
	return added, err
}

// replayPages replays the selected jobs, at most s.Most, page by page.
func (j Jobs) replayPages(ctx context.Context, s Selection, o deliverystore.Order) (added []string, err error) {
	added = []string{}
	page := deliverystore.Page{Limit: deliverystore.MaxPage}
	for {
		if left := s.Most - int64(len(added)); s.Most > 0 && left < int64(page.Limit) {
			page.Limit = int32(left)
		}
		if page.Limit == 0 {
			return added, nil
		}
		some, next, err := j.Store.Deliveries.ReplayJobs(ctx, s.filter(), page, o)
		added = append(added, some...)
		if err != nil || next == "" {
			return added, err
		}
		page.Before = next
	}
}
