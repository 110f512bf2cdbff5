package enginetest

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
)

func TestSystem(t *testing.T) {
	t.Parallel()
	s := NewSystem(t, importers.NewRegistry(noop.New()))
	s.AddSite(t, "example.com")
	s.StartWorker(t)
	imp, err := s.Starter.StartImport(Context(t), starter.Request{
		Site: "example.com", Source: "noop", Args: json.RawMessage(`{"rows": 10}`),
	})
	require.NoError(t, err)
	last, err := s.Starter.Wait(Context(t), imp.ID, nil)
	require.NoError(t, err)
	require.Equal(t, importstore.StatusCompleted, last.Import.Status, last.Import.Error)
	require.EqualValues(t, 10, last.RowsLoaded)
}
