package supervise

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A supervisor that is killed takes its children with it: those that watch
// their lifeline and, by the parent death signal alone, those that do not.
func TestNoOrphans(t *testing.T) {
	t.Parallel()
	guarded, deaf := freeAddress(t), freeAddress(t)
	parent := exec.Command(os.Args[0], "child", "parent", guarded, deaf)
	require.NoError(t, parent.Start())
	require.Eventually(t, func() bool {
		return answers(guarded)(t.Context()) == nil && answers(deaf)(t.Context()) == nil
	}, time.Minute, 10*time.Millisecond)
	require.NoError(t, parent.Process.Kill())
	require.Error(t, parent.Wait(), "it was killed")
	requireFree(t, guarded)
	requireFree(t, deaf)
}
