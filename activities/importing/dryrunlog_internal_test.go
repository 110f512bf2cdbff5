package importing

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
)

// A dry run tells a warning of several parts once, too.
func TestCollectedRepeats(t *testing.T) {
	t.Parallel()
	var log collected
	ctx := t.Context()
	require.NoError(t, log.Warn(ctx, "something else"))
	for i := range 3 {
		require.NoError(t, log.WarnPart(ctx, importers.PartWarning{Part: fmt.Sprintf("part %d", i), Message: "withheld", Rows: 2}))
	}
	require.NoError(t, log.WarnPart(ctx, importers.PartWarning{Part: "part 1", Message: "estimated"}))
	require.Equal(t, []DryRunLine{
		{"warn", "something else"}, {"warn", "part 0 and 2 more parts: withheld: 6 rows"}, {"warn", "part 1: estimated"},
	}, log.lines)
	for range maxCollected {
		require.NoError(t, log.Info(ctx, "full"))
	}
	require.NoError(t, log.WarnPart(ctx, importers.PartWarning{Part: "part 1", Message: "too late"}))
	require.NoError(t, log.WarnPart(ctx, importers.PartWarning{Part: "part 2", Message: "too late"}))
	require.Len(t, log.lines, maxCollected)
}
