package sync_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/sync"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	require.NoError(t, sync.Settings{}.Validate())
	require.Equal(t, sync.Settings{
		ItemsPerRequest: 100, WorkerCount: 8, ScanEvery: 86400, MaxMissing: 5, AlarmAfter: 3, MaxRejectedPages: 10,
	}, sync.Settings{}.WithDefaults())
	err := sync.Settings{
		StartOffset: -1, ItemsPerRequest: 1001, WorkerCount: 33, Deletions: "delete", ScanEvery: 1, MaxMissing: 101,
		AlarmAfter: -1, Mapping: map[string]any{"id": "data."},
	}.Validate()
	for _, fault := range []string{
		"start_offset -1: want 0 to 1000000000", "items_per_request 1001: want 1 to 1000", "worker_count 33: want 1 to 32",
		`deletions "delete": want optout or ignore`, "scan_every 1: want 60 to 2678400", "max_missing 101: want 1 to 100",
		"alarm_after -1: want 1 to 1000", "mapping: id: ",
	} {
		require.ErrorContains(t, err, fault)
	}
}
