package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/internal/fakeometria"
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

// stateFile writes a state file.
func stateFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.json")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// Faults are reported before anything is reached, and with what would be right.
func TestSyncWatchFaults(t *testing.T) {
	t.Parallel()
	s := offline()
	file := stateFile(t, `[{"list_id": "1a2d7ebf82"}]`)
	s.fails(t, "--state-file is missing: want such as --state-file state/state.json", "sync", "watch")
	s.fails(t, "MAILCHIMP_APIKEY is not set: want the API key with its data centre, such as ...-us21, from Account, Extras, API keys\n"+
		"OMETRIA_APIKEY is not set: want the API key of the Data API, from Settings, API access",
		"sync", "watch", "--state-file", file)
	s.environ = append(s.environ, "MAILCHIMP_APIKEY="+fakemailchimp.Key, "OMETRIA_APIKEY="+fakeometria.Key)
	watch := func(more ...string) []string { return append([]string{"sync", "watch", "--state-file", file}, more...) }
	s.fails(t, "--every 1s: want whole seconds, 1m0s to 744h0m0s\n--interval 0s: want 1s to 24h0m0s",
		watch("--every", "1s", "--interval", "0s")...)
	s.fails(t, "--ometria: want KEY=TEXT, or KEY:=JSON for values other than text", watch("--ometria", "x")...)
	s.fails(t, "--mailchimp: setting endpoint: want an http or https URL without credentials, query and fragment",
		watch("--mailchimp", "endpoint=x")...)
	s.fails(t, "api_key is a secret, not a setting: want --secret api_key=env:VARIABLE, api_key=file:PATH or api_key=- for standard input",
		watch("--mailchimp", "api_key=x")...)

	missing := filepath.Join(t.TempDir(), "state.json")
	s.fails(t, "there is no state file "+missing+`: create it, such as [{"list_id": "1a2d7ebf82"}]`,
		"sync", "watch", "--state-file", missing)
	wrong := stateFile(t, "[\n {\"list_id\": 7}]")
	s.fails(t, wrong+":2:14: list_id: want the list's id in quotes, of at most 100 bytes", "sync", "watch", "--state-file", wrong)

	r := s.run(t, watch()...)
	require.Equal(t, exitUnavailable, r.code)
	require.Contains(t, r.err, "Start it on this machine with `sluice-dev up`")
	s.environ = append(s.environ, "MAILCHIMP_APIKEY="+fakemailchimp.Key[:32])
	r = s.run(t, watch()...)
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "MAILCHIMP_APIKEY: ")
	require.NotContains(t, r.err, fakemailchimp.Key[:32])
}

// A list of a state file is shown, and changed by its file alone.
func TestSyncOfStateFile(t *testing.T) {
	t.Parallel()
	system, s := systemWithoutWorker(t)
	rows := syncstore.New(system.Store.Store)
	latest := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	entry := syncstore.Entry{
		Sync: "watch-a", Watch: "/srv/state.json", ListID: "a", FromKind: "mailchimp", FromConnection: "MAILCHIMP_APIKEY",
		ToKind: "ometria", ToConnection: "OMETRIA_APIKEY", Every: 2 * time.Hour, Settings: json.RawMessage(`{}`),
		LatestTimestamp: &latest,
	}
	_, err := rows.PutEntry(t.Context(), entry, false)
	require.NoError(t, err)
	require.Contains(t, s.ok(t, "sync", "list"), "mailchimp:MAILCHIMP_APIKEY")
	require.Contains(t, s.ok(t, "sync", "show", "watch-a"), "State file /srv/state.json\n")
	var seen seenSync
	s.json(t, &seen, "sync", "show", "watch-a")
	require.Equal(t, "/srv/state.json", seen.Watch)
	require.Nil(t, seen.NextRunAt)
	require.Regexp(t, "Next run +when the watch of the state file finds the list due\n", s.ok(t, "sync", "show", "watch-a"))
	const refused = "sync watch-a is list a of the state file /srv/state.json: edit its entry, which `sluice sync watch` applies: " +
		"not possible in this state"
	for _, command := range []string{"run", "pause", "resume"} {
		s.fails(t, refused, "sync", command, "watch-a")
	}
	s.fails(t, "change sync watch-a: worker_count: "+refused, "sync", "set", "watch-a", "worker_count=3")
	s.ok(t, "sync", "set", "watch-a", "max_missing=50", "deletions=ignore")
	s.json(t, &seen, "sync", "show", "watch-a")
	require.Equal(t, map[string]any{"max_missing": 50.0, "deletions": "ignore"}, seen.Settings)
	s.ok(t, "sync", "delete", "watch-a")
}
