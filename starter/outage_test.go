package starter_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
)

// A schedule whose creation was interrupted exists once: repeated, the creation finds it taken.
func TestOutageWhileCreatingASchedule(t *testing.T) {
	t.Parallel()
	s := setup(t)
	temporal := s.NewTemporalOutage(t)
	ctx := enginetest.Context(t)
	for n := range temporal.Requests(t) {
		through := *s.Starter
		through.Temporal = temporal.Dial(t)
		_, err := through.CreateSchedule(ctx, newSchedule("nightly", `{"rows": 3}`))
		if !temporal.Met() {
			break
		}
		require.Error(t, err, "outage at request %d", n)
		temporal.End()
		if now, err := s.Starter.Schedule(ctx, "nightly"); err == nil {
			require.Equal(t, never, now.Timing)
			_, err := s.Starter.SyncSchedule(ctx, "nightly")
			require.NoError(t, err, "a worker completes it")
			require.NoError(t, s.Starter.DeleteSchedule(ctx, "nightly"))
		}
	}
	now, err := s.Starter.Schedule(ctx, "nightly")
	require.NoError(t, err)
	require.NotEmpty(t, now.Next)
}
