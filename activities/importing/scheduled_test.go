package importing_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/importers"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// schedules are the activities of schedules; what they ask of others is noted.
func (b *bundle) schedules(t *testing.T) (s *importing.Schedules, notes *[]string) {
	t.Helper()
	notes = &[]string{}
	s = &importing.Schedules{
		Store: b.Store,
		Create: func(_ context.Context, run importing.ScheduledRun) (importing.CreatedImport, error) {
			if run.Request.Site == "" {
				return importing.CreatedImport{}, importers.Permanent(importers.ClassInput, errors.New("no site"))
			}
			return importing.CreatedImport{ImportID: 7, Site: run.Request.Site}, nil
		},
		Pause: func(_ context.Context, schedule, note string) error {
			*notes = append(*notes, schedule+": "+note)
			return nil
		},
	}
	for _, fn := range []any{s.CreateImport, s.AwaitImport, s.PauseSchedule} {
		b.Env.RegisterActivity(fn)
	}
	return s, notes
}

func TestCreateScheduledImport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s, _ := b.schedules(t)
	var created importing.CreatedImport
	b.Run(t, s.CreateImport, importing.ScheduledRun{Request: importing.ScheduledRequest{Site: "a.com"}}, &created)
	require.Equal(t, importing.CreatedImport{ImportID: 7, Site: "a.com"}, created)
	require.Equal(t, "no site", b.Refused(t, s.CreateImport, importing.ScheduledRun{}, importers.ClassInput))
}

// While an import is under way there is nothing to say of its end, which is to be asked
// for again, and is no error.
func TestAwaitImport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s, _ := b.schedules(t)
	ref := b.Create(t, b.Site, `{}`)
	in := importing.AwaitedImport{ImportID: ref.ImportID}
	pending := b.Fails(t, s.AwaitImport, in)
	require.Equal(t, []any{importing.TypePending, false, "import 1 is queued, queued"},
		[]any{pending.Type(), pending.NonRetryable(), pending.Message()})
	require.Empty(t, b.Imp(t, ref).AttemptError)
	_, err := b.Store.Finish(b.Ctx, ref.ImportID, importstore.End{Status: importstore.StatusFailed, Reason: "bad file", Class: "bad_input"}, importstore.LockLimits{})
	require.NoError(t, err)
	var outcome importing.ImportOutcome
	b.Run(t, s.AwaitImport, in, &outcome)
	require.Equal(t, importing.ImportOutcome{ImportID: 1, Status: importstore.StatusFailed, Class: "bad_input", Reason: "bad file"}, outcome)
	b.Refused(t, s.AwaitImport, importing.AwaitedImport{ImportID: 99}, importers.ClassEnded)
}

// The last import's log says why the schedule was paused, once.
func TestPauseScheduleActivity(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s, notes := b.schedules(t)
	ref := b.Create(t, b.Site, `{}`)
	p := importing.SchedulePause{Schedule: "nightly", ImportID: ref.ImportID, Note: "3 failures in a row"}
	b.Run(t, s.PauseSchedule, p, nil)
	b.Run(t, s.PauseSchedule, p, nil)
	require.Equal(t, []string{"nightly: 3 failures in a row", "nightly: 3 failures in a row"}, *notes)
	require.Equal(t, []string{
		"error: Schedule nightly is paused: 3 failures in a row. Resume it with `sluice schedule resume nightly`.",
	}, b.Log(t, ref))
	for _, id := range []int64{0, 99} {
		p.ImportID = id
		b.Run(t, s.PauseSchedule, p, nil)
	}
	s.Pause = func(context.Context, string, string) error { return errors.New("temporal is away") }
	require.False(t, b.Fails(t, s.PauseSchedule, p).NonRetryable(), "it is tried again")
}
