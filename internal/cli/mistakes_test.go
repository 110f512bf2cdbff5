package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
)

// What is wrong with a command line is named, with what would be right. Nothing is reached.
func TestMoreMistakes(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"import set-rate 1":     "want two arguments, an import ID and rows per second: see `sluice import set-rate --help`",
		"import set-rate x 1":   `invalid import ID "x": want a number (see ` + "`sluice import list`)",
		"import set-rate 1 x":   `invalid rate "x": want rows per second, or 0 for no limit`,
		"import retry-part x 0": `invalid import ID "x": want a number (see ` + "`sluice import list`)",
		"import skip-part 1":    "want two arguments, an import ID and a part number: see `sluice import skip-part --help`",
		"import skip-part 1 0":  "--reason is missing: want a reason for the import's log",
		"import pause":          "want one argument, an import ID, got none: see `sluice import pause --help`",
		"import delete":         "want one argument, an import ID, got none: see `sluice import delete --help`",
		"import cancel x":       `invalid import ID "x": want a number (see ` + "`sluice import list`)",
		"import logs":           "want one argument, an import ID, got none: see `sluice import logs --help`",
		"import parts":          "want one argument, an import ID, got none: see `sluice import parts --help`",
		"import rejects":        "want one argument, an import ID, got none: see `sluice import rejects --help`",
		"import preview x":      `invalid import ID "x": want a number (see ` + "`sluice import list`)",
		"import listen more":    "unexpected argument \"more\": see `sluice import listen --help`",
		"review list more":      "unexpected argument \"more\": see `sluice review list --help`",
		"locks list more":       "unexpected argument \"more\": see `sluice locks list --help`",
		"site list more":        "unexpected argument \"more\": see `sluice site list --help`",
		"site show":             "want one argument, a site's domain, got none: see `sluice site show --help`",
		"site set":              "want one argument, a site's domain, got none: see `sluice site set --help`",
		"site forget-imports":   "want one argument, a site's domain, got none: see `sluice site forget-imports --help`",
		"site key create":       "want one argument, a site's domain, got none: see `sluice site key create --help`",
		"site key list":         "want one argument, a site's domain, got none: see `sluice site key list --help`",
		"site key revoke a.com": "want two arguments, a site's domain and the prefix of a key: see `sluice site key revoke --help`",
		"site shield list":      "want one argument, a site's domain, got none: see `sluice site shield list --help`",
		"site shield add":       "want one argument, a site's domain, got none: see `sluice site shield add --help`",

		"site add a.com --native-start 2026-13-01": `--native-start: `,
		"site add a.com --contact nobody":          `--contact "nobody" is not an e-mail address: want an address such as ann@example.com`,

		"source list more":          "unexpected argument \"more\": see `sluice source list --help`",
		"connection list more":      "unexpected argument \"more\": see `sluice connection list --help`",
		"connection kinds more":     "unexpected argument \"more\": see `sluice connection kinds --help`",
		"connection show":           "want one argument, a connection's name, got none: see `sluice connection show --help`",
		"connection test":           "want one argument, a connection's name, got none: see `sluice connection test --help`",
		"connection pause":          "want one argument, a connection's name, got none: see `sluice connection pause --help`",
		"connection resume":         "want one argument, a connection's name, got none: see `sluice connection resume --help`",
		"connection remove":         "want one argument, a connection's name, got none: see `sluice connection remove --help`",
		"connection add":            "want one argument, a connection's name, got none: see `sluice connection add --help`",
		"connection rotate":         "connection is missing: want `sluice connection rotate NAME` or --all",
		"connection rotate a --all": "unexpected argument \"a\": see `sluice connection rotate --help`",
		"connection add a":          "--kind is missing: want one of clickhouse, ",

		"connection add a --kind webhook --settings - --secret signing_secret=-": "--settings and --secret signing_secret both read standard input: use a file for one of them",
		"connection add a --kind webhook --set url:=x":                           "--set url: the value after := is not JSON",
		"connection add a --kind webhook --set url=a --set url=b":                "--set url is given twice",
		"connection add a --kind webhook --settings [1]":                         `--settings is not a JSON object: want an object such as '{"name": "value"}'`,
		"connection add a --kind webhook --settings @/nonexistent":               "--settings: open /nonexistent: no such file or directory",

		"keyset create more":  "unexpected argument \"more\": see `sluice keyset create --help`",
		"keyset rotate more":  "unexpected argument \"more\": see `sluice keyset rotate --help`",
		"keyset adopt more":   "unexpected argument \"more\": see `sluice keyset adopt --help`",
		"migrate up more":     "unexpected argument \"more\": see `sluice migrate up --help`",
		"migrate status more": "unexpected argument \"more\": see `sluice migrate status --help`",
		"flow list more":      "unexpected argument \"more\": see `sluice flow list --help`",
		"flow replay":         "want one argument, a flow's name, got none: see `sluice flow replay --help`",
		"diff more":           "unexpected argument \"more\": see `sluice diff --help`",
		"event list more":     "unexpected argument \"more\": see `sluice event list --help`",
		"event send more":     "unexpected argument \"more\": see `sluice event send --help`",
		"event send":          "--source is missing: want a source, such as --source shop",
		"event send --source a --data - --context -": "--data and --context cannot both be read from standard input",
		"event send --source a --to log":             `--to "log": want DESTINATION/ACTION, such as webhook/post`,
		"event send --source a --to log/read":        `--to log/read: log: unknown action "read" (want write)`,
		"job stats more":                             "unexpected argument \"more\": see `sluice job stats --help`",
		"sync list --limit 0":                        "--limit 0: want 1 to 1000",
		"sync list more":                             "unexpected argument \"more\": see `sluice sync list --help`",
		"sync show":                                  "want one argument, a sync's name, got none: see `sluice sync show --help`",
		"sync pause":                                 "want one argument, a sync's name, got none: see `sluice sync pause --help`",
		"sync delete":                                "want one argument, a sync's name, got none: see `sluice sync delete --help`",
		"sync history":                               "want one argument, a sync's name, got none: see `sluice sync history --help`",
		"sync history a --limit 0":                   "--limit 0: want 1 to 1000",
		"sync rejects":                               "want one argument, a sync's name, got none: see `sluice sync rejects --help`",
		"sync rejects a --limit 0":                   "--limit 0: want 1 to 1000",
		"sync rejects a --id 7":                      "--id is for --retry",
		"sync rejects a --by ann":                    "--by is for --retry",
		"sync rejects a --retry --id x":              `--id "x": want a number, as ` + "`sluice sync rejects` lists it",
		"sync set a":                                 "want a sync's name and changes: `sluice sync set NAME KEY=VALUE...`",
		"sync set a x":                               `"x": want KEY=VALUE, such as latest_timestamp=null`,
		"sync create":                                "want one argument, a sync's name, got none: see `sluice sync create --help`",
		"sync create a --from mc --list b --to ometria:om":                     `--from "mc": want KIND:CONNECTION, such as mailchimp:mc`,
		"sync create a --from mailchimp:mc --list b --to ometria:om --every x": `--every "x": want a duration such as 2h or 30m`,
		"schedule show":                   "want one argument, a schedule's name, got none: see `sluice schedule show --help`",
		"schedule pause":                  "want one argument, a schedule's name, got none: see `sluice schedule pause --help`",
		"schedule delete":                 "want one argument, a schedule's name, got none: see `sluice schedule delete --help`",
		"schedule list --limit 0":         "--limit 0: want 1 to 1000",
		"schedule backfill a":             "--from is missing: want the first time, such as --from 2026-01-31",
		"generate importer more":          "unexpected argument \"more\": see `sluice generate importer --help`",
		"generate destination":            "--name is missing: want a name, such as --name shop_crm",
		"generate action":                 "--destination is missing: want the action's destination, such as --destination shop_crm",
		"generate action --destination a": "--name is missing: want a name, such as --name upsert_contact",
		"generate project":                "--module is missing: want the path of a Go module, such as --module example.com/team/mine",
		"worker more":                     "unexpected argument \"more\": see `sluice worker --help`",
		"server more":                     "unexpected argument \"more\": see `sluice server --help`",
		"server --listen nowhere":         "configuration: ",
		"worker --listen nowhere":         "configuration: ",
		"version more":                    "unexpected argument \"more\": see `sluice version --help`",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			r := offline().run(t, strings.Fields(line)...)
			require.Equal(t, exitUsage, r.code, r.err)
			require.True(t, strings.HasPrefix(r.err, "sluice: "+want), r.err)
			require.Empty(t, r.out)
		})
	}
	s := offline()
	s.environ = append(s.environ, "TEMPORAL_TLS=true", "TEMPORAL_TLS_CLIENT_CERT_PATH=/nonexistent")
	r := s.run(t, "worker")
	require.Equal(t, exitUsage, r.code, r.err)
	require.Contains(t, r.err, "read the configuration of the Temporal client: ")
}

// A key set is created, rotated and listed; what cannot be read or written is named, and nothing is
// overwritten.
func TestKeysetFiles(t *testing.T) {
	t.Parallel()
	s := offline()
	dir := t.TempDir()
	path := filepath.Join(dir, "keyset.json")
	require.Contains(t, s.ok(t, "keyset", "create", "--out", path), "created key set "+path)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	r := s.run(t, "keyset", "create", "--out", path)
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.err, "add a key to it with `sluice keyset rotate --file "+path+"`")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.Regexp(t, `^added primary key \d+ to `, s.ok(t, "keyset", "rotate", "--file", path))
	var keys []connections.Key
	s.json(t, &keys, "keyset", "rotate", "--file", path)
	require.Len(t, keys, 3)
	require.Regexp(t, `(?s)^ *KEY ID +STATUS\n.*old\n.*primary\n$`, s.ok(t, "keyset", "list", "--file", path))
	s.json(t, &keys, "keyset", "list", "--file", path)
	require.Len(t, keys, 3)
	s.environ = append(s.environ, "SLUICE_CONNECTIONS_KEYSET_FILE="+path)
	s.json(t, &keys, "keyset", "rotate")
	require.Len(t, keys, 4, "the file of the configuration")

	broken := fileOf(t, "broken.json", "{")
	for _, line := range []string{
		"keyset list --file " + broken, "keyset rotate --file " + broken, "keyset list --file " + dir + "/none",
		"keyset rotate --file " + dir + "/none", "keyset create --out " + dir + "/none/keyset.json",
	} {
		r := s.run(t, strings.Fields(line)...)
		require.Contains(t, []int{exitFailure, exitRefused}, r.code, line)
		require.Contains(t, r.err, dir[:5], line)
		require.Empty(t, r.out)
	}
	s = offline()
	s.environ = append(s.environ, "SLUICE_CONNECTIONS_KEYSET="+string(before))
	r = s.run(t, "keyset", "rotate")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "connections.keyset cannot be rotated in place: write it to a file")
}

// Generated code goes to --path, and never over a file that exists.
func TestGenerateAgain(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"generate importer --name daily_totals", "generate destination --name shop_crm --migrations",
		"generate action --destination shop_crm --name upsert_contact", "generate project --module example.com/mine --replace ../..",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "code")
			args := append(strings.Fields(line), "--path", dir)
			var made map[string]any
			offline().json(t, &made, args...)
			require.NotEmpty(t, made["files"])
			r := offline().run(t, args...)
			require.Equal(t, exitRefused, r.code)
			require.Contains(t, r.err, ": choose another name or --path\n")
			file := fileOf(t, "file", "")
			r = offline().run(t, append(strings.Fields(line), "--path", filepath.Join(file, "code"))...)
			require.Equal(t, exitFailure, r.code)
			require.Contains(t, r.err, "not a directory")
		})
	}
	for line, want := range map[string]string{
		"generate importer --name X-Y":               "X-Y",
		"generate destination --name X-Y":            "X-Y",
		"generate action --destination a --name X-Y": "X-Y",
		"generate project --module /":                "/",
	} {
		r := offline().run(t, strings.Fields(line)...)
		require.Equal(t, exitUsage, r.code, line)
		require.Contains(t, r.err, want)
	}
}
