package enginetest

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/csv"
	"github.com/sluicehq/sluice/internal/sampledata"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// An export of all ten tables is imported over the native protocol, from the start
// of the import to what queries see.
func TestImportOverNativeProtocol(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := calendar.ParseDay("2024-01-01")
	require.NoError(t, err)
	files, err := sampledata.Write(dir, sampledata.Spec{
		Seed: 1, Days: calendar.Range{First: first, Last: first + 29}, PageRows: 20_000,
	})
	require.NoError(t, err)

	s := NewSystemAt(t, importers.NewRegistry(csv.New()), WarehouseNativeDSN(t))
	s.AddSite(t, "example.com")
	s.StartWorker(t)
	args, err := json.Marshal(map[string]any{"paths": []string{dir}})
	require.NoError(t, err)
	settings := s.Settings.Import
	settings.ChunkRows = 3_000
	imp, err := s.Starter.StartImport(Context(t), starter.Request{
		Site: "example.com", Source: "csv", Args: args, Settings: &settings,
	})
	require.NoError(t, err)
	last, err := s.Starter.Wait(Context(t), imp.ID, nil)
	require.NoError(t, err)
	require.Equal(t, importstore.StatusCompleted, last.Import.Status, last.Import.Error)
	for _, file := range files {
		seen, err := s.Warehouse.VisibleSum(Context(t), file.Table, uint64(imp.SiteID), uint64(imp.ID), "visitors")
		require.NoError(t, err)
		require.EqualValues(t, file.Rows, seen.Rows, file.Table.Name)
		require.Equal(t, file.Visitors, seen.Sum, file.Table.Name)
	}
}
