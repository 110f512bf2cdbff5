package importing_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/activities"
	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/workflows"
)

// A part whose attempts fail, but not without progress, asks for a new activity now and
// then, and gets one: its attempts and pauses never add up to a part given up.
func TestPartBeginsAnew(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.planned = plan(1)
	r.load = func(ctx context.Context, _ int32, call int) error {
		attempt := activity.GetInfo(ctx).Attempt
		require.LessOrEqual(t, attempt, int32(3))
		switch {
		case call == 60:
			return nil
		case attempt == 3:
			return temporal.NewApplicationErrorWithOptions("counted anew", activities.TypeAdvanced,
				temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{importacts.Advance{Chunks: int32(call)}}})
		default:
			return transient(importacts.Advance{Chunks: int32(call)})
		}
	}
	require.NoError(t, r.start())
	require.Equal(t, 60, r.calledTimes("import_data 0"))
	require.Zero(t, r.calledTimes(workflows.ActivityParkPart))
}
