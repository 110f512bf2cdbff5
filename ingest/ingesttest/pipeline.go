package ingesttest

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/refdata"
	"github.com/sluicehq/sluice/ingest/refdata/geo/geotest"
)

// Folder returns a folder with reference data as the cases expect it: three networks with locations, rates,
// isbot's patterns and a list of referrer spam. root is the repository's root; more are
// files that replace the test's own.
func Folder(tb testing.TB, root string, more map[string]string) string {
	tb.Helper()
	isbot, err := os.ReadFile(filepath.Join(root, "ingest", "refdata", "bots", "testdata", "isbot-5.2.3.mjs"))
	require.NoError(tb, err)
	folder := tb.TempDir()
	files := map[string]string{
		refdata.FileBots: string(isbot), refdata.FileSpam: "1-best-seo.com\nspam.example\n",
		refdata.FileRates: `{"base":"USD","rates":{"BRL":0.7,"EUR":0.5}}`,
		refdata.FileCity: string(geotest.Database("Test-City", map[string]map[string]any{
			"2.125.160.216/29": geotest.City("GB", 2655045, "ENG", "WBK"), "2001:218::/32": geotest.City("JP", 0),
			"216.160.83.56/29": geotest.City("US", 5803556, "WA"),
		})),
	}
	for name, content := range more {
		files[name] = content
	}
	for name, content := range files {
		require.NoError(tb, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600))
	}
	return folder
}

// Data returns the data of a Folder.
func Data(tb testing.TB, root string, more map[string]string) *refdata.Data {
	tb.Helper()
	store, err := refdata.Open(refdata.Config{
		Folder: Folder(tb, root, more), Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(tb, err)
	return store.Data()
}

// Config returns the configuration of a pipeline with sites, data and a buffer in memory.
func Config(sites ingest.Sites, data *refdata.Data, buffer ingest.Buffer) ingest.Config {
	return ingest.Config{
		Sites: sites, Limiter: ingest.NewFixedWindows(nil), Buffer: buffer,
		Salts: Salts{Current: [16]byte{1}, Previous: [16]byte{2}},
		Data:  func() *refdata.Data { return data }, PartitionKey: [16]byte{3}, VerificationAgent: VerificationAgent,
	}
}
