package refdata

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// of returns the status of one kind of data.
func (b *bench) of(t *testing.T, data string) DataStatus {
	t.Helper()
	for _, d := range b.store.Status().Data {
		if d.Data == data {
			return d
		}
	}
	require.Fail(t, "no such data", data)
	return DataStatus{}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{FileSpam: "a.example\nb.example\n", FileCity: city("FR"), FileRates: "no JSON"})
	isbot, err := os.ReadFile(filepath.Join("bots", "testdata", "isbot-5.2.3.mjs"))
	require.NoError(t, err)
	b.write(t, npmBots, string(isbot))
	b.write(t, "node_modules/isbot/package.json", `{"name":"isbot","version":"5.2.3"}`)
	b.store.Reload()

	require.Equal(t, b.folder, b.store.Status().Folder)
	written := time.Unix(1_700_000_000, 0)
	spam := b.of(t, "referrer spam")
	require.WithinDuration(t, written, *spam.Date, time.Minute)
	spam.Date = nil
	require.Equal(t, DataStatus{
		Data: "referrer spam", State: StateCurrent, File: FileSpam, Bytes: 20, Entries: 2,
		From: "https://raw.githubusercontent.com/matomo-org/referrer-spam-list/master/spammers.txt",
	}, spam)
	require.Equal(t, DataStatus{
		Data: "bots", State: StateCurrent, File: npmBots, From: "npm package isbot", Version: "5.2.3", Bytes: int64(len(isbot)), Entries: 206,
	}, b.of(t, "bots"))
	locations := b.of(t, "locations")
	require.Equal(t, []any{StateCurrent, "your own file", 1}, []any{locations.State, locations.From, locations.Entries})
	// The database tells when it was made.
	require.Equal(t, time.Unix(1_700_000_000, 0).UTC(), locations.Date.UTC())
	rates := b.of(t, "rates")
	require.Equal(t, []any{StateDamaged, "", 0, cureOwn}, []any{rates.State, rates.File, rates.Entries, rates.Cure})
	require.Contains(t, rates.Fault, "read the rates of currencies")
	assistants := b.of(t, "AI assistants")
	require.Equal(t, DataStatus{
		Data: "AI assistants", State: StateMissing, Optional: true, Consequence: "sources have the built-in names", Cure: cureUpdate,
	}, assistants)

	// What is damaged or gone leaves the last good data in use, and says so.
	b.write(t, FileCity, "<html>")
	require.NoError(t, os.Remove(filepath.Join(b.folder, FileSpam)))
	b.store.Reload()
	locations = b.of(t, "locations")
	require.Equal(t, []any{StateLastGood, 1}, []any{locations.State, locations.Entries})
	require.Contains(t, locations.Fault, "invalid MaxMind DB file")
	spam = b.of(t, "referrer spam")
	require.Equal(t, []any{StateLastGood, 2, "the file is gone"}, []any{spam.State, spam.Entries, spam.Fault})
	b.write(t, FileSpam, "c.example\n")
	b.write(t, FileCity, city("DE"))
	b.store.Reload()
	require.Equal(t, StateCurrent, b.of(t, "locations").State)
	spam = b.of(t, "referrer spam")
	require.Equal(t, []any{StateCurrent, 1, ""}, []any{spam.State, spam.Entries, spam.Fault})
}

// Without a folder there are the built-in data, which count.
func TestStatusWithoutFolder(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.store.config.Folder = ""
	for _, d := range b.store.Status().Data {
		require.Equal(t, StateMissing, d.State)
		require.Equal(t, d.Data == "bots" || d.Data == "referrer spam", d.Entries > 0, d.Data)
		require.NotEmpty(t, d.Cure)
		require.NotEmpty(t, d.Consequence)
	}
}

func TestPackageOf(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/a/node_modules/isbot/index.mjs": "isbot", "node_modules/@b/c/d/e.mmdb": "@b/c", "/a/b.txt": "", npmCountry: "@ip-location-db/geo-whois-asn-country-mmdb",
	} {
		name, ok := packageOf(path)
		require.Equal(t, []any{want, want != ""}, []any{name, ok}, path)
	}
	require.Empty(t, packageVersion(filepath.Join(t.TempDir(), "node_modules", "a", "b")))
}
