package docs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/refdata"
)

// TestIngestionIsDescribed: the page about the ingestion has every drop reason and every
// file of reference data.
func TestIngestionIsDescribed(t *testing.T) {
	t.Parallel()
	page := pages(t)["ingestion.md"]
	for _, reason := range ingest.DropReasons() {
		require.Contains(t, page, "`"+string(reason)+"`")
	}
	for _, file := range []string{
		refdata.FileCity, refdata.FileCountry, refdata.FileASN, refdata.FileBots, refdata.FileSpam, refdata.FileSearchEngines,
		refdata.FileSocials, refdata.FileAIAssistants, refdata.FileNetworks, refdata.FileNumbers, refdata.FileRates,
	} {
		require.Contains(t, page, "`"+file+"`")
	}
	require.Contains(t, page, "`"+ingest.TagProp+"`")
}
