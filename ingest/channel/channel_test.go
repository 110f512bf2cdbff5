package channel

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/refdata/sources"
)

type example struct {
	Source    string `json:"referrer_source"`
	UTMSource string `json:"utm_source"`
	Medium    string `json:"utm_medium"`
	Campaign  string `json:"utm_campaign"`
	ClickID   string `json:"click_id_param"`
	Expected  string `json:"expected"`
}

func run(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var all []example
	require.NoError(t, json.Unmarshal(text, &all))
	require.NotEmpty(t, all)
	for _, e := range all {
		v := Visit{Source: e.Source, UTMSource: e.UTMSource, Medium: e.Medium, Campaign: e.Campaign, ClickID: e.ClickID}
		require.Equal(t, e.Expected, Of(v, sources.Builtin()), "%+v", v)
	}
	t.Logf("%d cases of %s", len(all), file)
}

func TestOf(t *testing.T) {
	t.Parallel()
	run(t, filepath.Join("testdata", "channels.json"))
}

// The cases that were collected outside this repository, where SLUICE_DATA names their
// folder.
func TestCasesOfOthers(t *testing.T) {
	t.Parallel()
	folder := os.Getenv("SLUICE_DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "data")
	}
	file := filepath.Join(folder, "acquisition_channel_cases.json")
	if _, err := os.Stat(file); err != nil {
		t.Logf("NOT RUN: the cases of others are not on this machine: %v (SLUICE_DATA names their folder)", err)
		return
	}
	run(t, file)
}

func FuzzOf(f *testing.F) {
	f.Add("Google", "adwords", "cpc", "shop", "gclid")
	f.Add("", "", "", "", "")
	f.Fuzz(func(t *testing.T, source, tag, medium, campaign, click string) {
		require.NotEmpty(t, Of(Visit{Source: source, UTMSource: tag, Medium: medium, Campaign: campaign, ClickID: click}, sources.Builtin()))
	})
}
