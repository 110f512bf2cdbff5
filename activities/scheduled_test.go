package activities_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/store"
)

// schedules are the activities of schedules; what they ask of others is noted.
func (b *bundle) schedules(t *testing.T) (s *activities.Schedules, notes *[]string) {
	t.Helper()
	notes = &[]string{}
	s = &activities.Schedules{
		Store: b.store,
		Create: func(_ context.Context, run activities.ScheduledRun) (activities.CreatedImport, error) {
			if run.Request.Site == "" {
				return activities.CreatedImport{}, importers.Permanent(importers.ClassInput, errors.New("no site"))
			}
			return activities.CreatedImport{ImportID: 7, Site: run.Request.Site}, nil
		},
		Pause: func(_ context.Context, schedule, note string) error {
			*notes = append(*notes, schedule+": "+note)
			return nil
		},
	}
	for _, fn := range []any{s.CreateImport, s.AwaitImport, s.PauseSchedule} {
		b.env.RegisterActivity(fn)
	}
	return s, notes
}

func TestCreateScheduledImport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s, _ := b.schedules(t)
	var created activities.CreatedImport
	b.run(t, s.CreateImport, activities.ScheduledRun{Request: activities.ScheduledRequest{Site: "a.com"}}, &created)
	require.Equal(t, activities.CreatedImport{ImportID: 7, Site: "a.com"}, created)
	require.Equal(t, "no site", b.refused(t, s.CreateImport, activities.ScheduledRun{}, importers.ClassInput))
}

// While an import is under way there is nothing to say of its end, which is to be asked
// for again, and is no trouble.
func TestAwaitImport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s, _ := b.schedules(t)
	ref := b.create(t, b.site, `{}`)
	in := activities.AwaitedImport{ImportID: ref.ImportID}
	pending := b.fails(t, s.AwaitImport, in)
	require.Equal(t, []any{activities.TypePending, false, "import 1 is queued, queued"},
		[]any{pending.Type(), pending.NonRetryable(), pending.Message()})
	require.Empty(t, b.imp(t, ref).AttemptError)
	_, err := b.store.Finish(b.ctx, ref.ImportID, store.End{Status: store.StatusFailed, Reason: "bad file", Class: "bad_input"}, store.LockLimits{})
	require.NoError(t, err)
	var outcome activities.ImportOutcome
	b.run(t, s.AwaitImport, in, &outcome)
	require.Equal(t, activities.ImportOutcome{ImportID: 1, Status: store.StatusFailed, Class: "bad_input", Reason: "bad file"}, outcome)
	b.refused(t, s.AwaitImport, activities.AwaitedImport{ImportID: 99}, importers.ClassEnded)
}

// The last import's log says why the schedule was paused, once.
func TestPauseScheduleActivity(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s, notes := b.schedules(t)
	ref := b.create(t, b.site, `{}`)
	p := activities.SchedulePause{Schedule: "nightly", ImportID: ref.ImportID, Note: "3 failures in a row"}
	b.run(t, s.PauseSchedule, p, nil)
	b.run(t, s.PauseSchedule, p, nil)
	require.Equal(t, []string{"nightly: 3 failures in a row", "nightly: 3 failures in a row"}, *notes)
	require.Equal(t, []string{
		"error: Schedule nightly is paused: 3 failures in a row. `sluice schedule resume nightly` lets it go on.",
	}, b.log(t, ref))
	for _, id := range []int64{0, 99} {
		p.ImportID = id
		b.run(t, s.PauseSchedule, p, nil)
	}
	s.Pause = func(context.Context, string, string) error { return errors.New("temporal is away") }
	require.False(t, b.fails(t, s.PauseSchedule, p).NonRetryable(), "it is tried again")
}
