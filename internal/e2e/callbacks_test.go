package e2e

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// closing fails permanently in the callbacks that come after an import's work.
type closing struct{ importers.Importer }

var errClosing = importers.Permanent(importers.ClassAccess, errors.New("the folder is read-only"))

// OnSuccess fails.
func (closing) OnSuccess(context.Context, importers.Import, importers.Result) error {
	return errClosing
}

// OnFailure fails.
func (closing) OnFailure(context.Context, importers.Import, string) error { return errClosing }

// CleanUp fails.
func (closing) CleanUp(context.Context, importers.Import) error { return errClosing }

// A callback that fails after the work was done, or had failed, keeps no import from its end, and
// stands in the import's log.
func TestClosingCallbacksFail(t *testing.T) {
	t.Parallel()
	const (
		cleanUp   = "error: clean_up failed permanently; its resources may remain: the folder is read-only"
		onFailure = "error: on_failure failed permanently; the import ends nevertheless: the folder is read-only"
		onSuccess = "error: on_success failed permanently; the import is completed: the folder is read-only"
	)
	s := setup(t, closing{noop.New()})
	s.StartWorker(t)
	good := s.noop(site, `{"rows": 100}`)
	require.EqualValues(t, 100, s.end(good, importstore.StatusCompleted).RowsLoaded)
	lines := s.feedback(good.ID)
	require.Contains(t, lines, cleanUp)
	require.Contains(t, lines, onSuccess)
	require.NotContains(t, lines, onFailure)

	bad := s.noop(site, `{"rows": 100, "start_date": "2022-01-01", "end_date": "2022-01-31", "fail": "import_data", "permanent": true}`)
	s.end(bad, importstore.StatusFailed)
	lines = s.feedback(bad.ID)
	require.Contains(t, lines, cleanUp)
	require.Contains(t, lines, onFailure)
	require.NotContains(t, lines, onSuccess)
}
