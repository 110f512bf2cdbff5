package docs_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
)

// TestNamesAreTrue: what imports are called while they are under way stands in the pages,
// and so does the commands that they take.
func TestNamesAreTrue(t *testing.T) {
	t.Parallel()
	all := pages(t)
	for _, status := range []string{
		importstore.StatusQueued, importstore.StatusRunning, importstore.StatusParked, importstore.StatusInReview, importstore.StatusCompleted,
		importstore.StatusUnchanged, importstore.StatusFailed, importstore.StatusCancelled, importstore.StatusDeclined, importstore.StatusDeleting,
	} {
		require.Contains(t, all["reviews.md"], "\n| `"+status+"` | ")
	}
	for _, phase := range []string{
		importstore.PhaseQueued, importstore.PhaseLocking, importstore.PhaseBeforeStart, importstore.PhasePlanning, importstore.PhaseLoading,
		importstore.PhaseInReview, importstore.PhaseStagingDone, importstore.PhaseFinalize, importstore.PhaseCleanUp,
	} {
		require.Contains(t, all["architecture.md"], "\n| `"+phase+"` | ")
	}
	for _, activity := range []string{
		workflows.ActivityAcquire, workflows.ActivityBeginReview, workflows.ActivityRemind, workflows.ActivityDecide,
		workflows.ActivityImportData, workflows.ActivityPublish, workflows.ActivityOnFailure, workflows.ActivityPurgeRows,
		workflows.ActivityCleanUp, workflows.ActivityFinish,
	} {
		require.Contains(t, all["architecture.md"], "`"+activity+"`")
	}
	for _, command := range []string{
		workflows.CommandPause, workflows.CommandResume, workflows.CommandCancel, workflows.CommandRetryPart,
		workflows.CommandSkipPart, workflows.CommandSetRate, workflows.CommandDecide,
	} {
		require.Contains(t, all["signals.md"], "\n| `"+command+"` | ")
	}
	for name := range workflows.SearchAttributes() {
		require.Contains(t, all["operations.md"], "`"+name+"`")
	}
	require.Contains(t, all["signals.md"], workflows.SignalLockGranted)
	require.Contains(t, all["signals.md"], "`"+workflows.SignalPartProgress+"`")
}

var interfaceName = regexp.MustCompile("(?m)^\\| `([A-Z][A-Za-z]+)` \\| `([A-Z][A-Za-z]+)` \\|")

// TestAbilitiesExist: the page about importers names all interfaces that one may have, with
// their methods.
func TestAbilitiesExist(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../importers/abilities.go")
	require.NoError(t, err)
	named := map[string]string{}
	for _, m := range interfaceName.FindAllStringSubmatch(pages(t)["authoring-an-importer.md"], -1) {
		named[m[1]] = m[2]
	}
	declared := regexp.MustCompile(`(?m)^type (\w+) interface`).FindAllStringSubmatch(string(source), -1)
	require.NotEmpty(t, declared)
	for _, m := range declared {
		require.Regexp(t, `(?m)^\t`+named[m[1]]+`\(`, string(source), m[1])
	}
	// Cleaner is older than the others, and stands with the contract.
	require.Len(t, named, len(declared)+1)
}
