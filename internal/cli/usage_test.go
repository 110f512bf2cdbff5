package cli

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/components"
)

// commandLines returns every command, as people type it.
func commandLines(prefix []string, commands []*cli.Command) [][]string {
	var all [][]string
	for _, c := range commands {
		line := append(append([]string(nil), prefix...), c.Name)
		all = append(append(all, line), commandLines(line, c.Subcommands)...)
	}
	return all
}

func TestHelp(t *testing.T) {
	t.Parallel()
	lines := commandLines(nil, newApp(t, Streams{}).Commands)
	require.Greater(t, len(lines), 15)
	for _, line := range append(lines, nil) {
		name := strings.Join(append([]string{"help"}, line...), "-")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			help := offline().ok(t, append(line, "--help")...)
			golden(t, "help/"+name, help)
			if name != "help-help" {
				require.Equal(t, help, offline().ok(t, append([]string{"help"}, line...)...), "help and --help differ")
			}
			require.NotContains(t, help, "default: 0)", "a default that the configuration decides")
			require.NotContains(t, help, "default: false)")
		})
	}
}

// The help of each importer documents every argument that it accepts.
func TestHelpDocumentsArguments(t *testing.T) {
	t.Parallel()
	registry := components.Stock(config.Default()).Importers
	for _, name := range registry.Names() {
		importer, err := registry.Lookup(name)
		require.NoError(t, err)
		described, ok := importer.(importers.Describer)
		require.True(t, ok, name)
		help := offline().ok(t, "help", "import", "start", name)
		var names []string
		for _, a := range described.Arguments() {
			names = append(names, a.Name)
			require.NotEmpty(t, a.Usage, "%s: %s", name, a.Name)
			require.Regexp(t, `(?m)^   `+a.Name+` +`+a.Type+` .*`+regexp.QuoteMeta(a.Usage)+`$`, help)
		}
		// The error of an unknown argument lists the accepted ones.
		_, err = importer.ParseArgs(json.RawMessage(`{"no such argument": 1}`))
		require.ErrorContains(t, err, strings.Join(names, ", "))
	}
}

func TestGroupsShowTheirHelp(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"site", "import", "connection", "keyset", "migrate"} {
		require.Equal(t, offline().ok(t, name, "--help"), offline().ok(t, name))
	}
	require.Equal(t, offline().ok(t, "--help"), offline().ok(t))
}

// TestMistakes are refused before anything is reached.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"nope":                  "`sluice` has no command \"nope\": see `sluice --help`",
		"import nope":           "`sluice import` has no command \"nope\": see `sluice import --help`",
		"site nope --xx":        "unknown flag --xx: see `sluice site --help`",
		"--nope":                "unknown flag --nope: see `sluice --help`",
		"import list --nope":    "unknown flag --nope: see `sluice import list --help`",
		"import logs 1 -x":      "unknown flag -x: see `sluice import logs --help`",
		"import list --limit":   "--limit needs a value: see `sluice import list --help`",
		"import list --limit x": "--limit \"x\": want a number: see `sluice import list --help`",
		"import list --limit 99999999999999999999":             "--limit \"99999999999999999999\": the number is too large: see `sluice import list --help`",
		"import logs 1 --follow=maybe":                         "--follow \"maybe\": want true or false: see `sluice import logs --help`",
		"import list --limit 0":                                "--limit 0: want 1 to 1000",
		"import list --limit 1001":                             "--limit 1001: want 1 to 1000",
		"import list --output xml":                             "--output xml: want table or json",
		"import list 1":                                        "unexpected argument \"1\": see `sluice import list --help`",
		"import rejects 1 --limit 10001":                       "--limit 10001: want 1 to 10000",
		"import rejects 1 --skip=-1":                           "--skip -1: want at least 0",
		"import show":                                          "want one argument, an import ID, got none: see `sluice import show --help`",
		"import show 1 2":                                      "unexpected argument \"2\" after ID: see `sluice import show --help`",
		"import show x":                                        "invalid import ID \"x\": want a number (see `sluice import list`)",
		"import show 0":                                        "invalid import ID \"0\": want a number (see `sluice import list`)",
		"import parts 1.5":                                     "invalid import ID \"1.5\": want a number (see `sluice import list`)",
		"import logs":                                          "want one argument, an import ID, got none: see `sluice import logs --help`",
		"import rejects":                                       "want one argument, an import ID, got none: see `sluice import rejects --help`",
		"import cancel":                                        "want one argument, an import ID, got none: see `sluice import cancel --help`",
		"import delete":                                        "want one argument, an import ID, got none: see `sluice import delete --help`",
		"import retry-part 1":                                  "want two arguments, an import ID and a part number: see `sluice import retry-part --help`",
		"import retry-part 1 x":                                "invalid part number \"x\": want 0 or more (see `sluice import parts 1`)",
		"import skip-part 1 2":                                 "--reason is missing: want a reason for the import's log",
		"import skip-part y 2 --reason z":                      "invalid import ID \"y\": want a number (see `sluice import list`)",
		"import start":                                         "source is missing: want `sluice import start SOURCE`, where SOURCE is one of csv, google_analytics_4, noop",
		"import start csv":                                     "--site is missing: want the domain of a site (see `sluice site list`)",
		"import start nope --site a":                           "unknown importer \"nope\" (want csv, google_analytics_4, noop)" + storeAway,
		"import start csv --site a --args [1]":                 "--args is not a JSON object: want an object such as '{\"name\": \"value\"}'",
		"import start csv --site a --args null":                "--args is not a JSON object: want an object such as '{\"name\": \"value\"}'",
		"import start csv --site a --args @/nope":              "--args: open /nope: no such file or directory",
		`import start csv --site a --args {"paths":["/x"]} /y`: "paths are given both in --args and as arguments: use one",
		"import start csv --site a /y --parallelism 0":         "import.parallelism is 0: want 1 to 64",
		"import start csv --site a /y --max-reject-share 2":    "import.max_reject_share is 2: want 0 to 1",
		"import start csv --site a /y --on-part-failure hope":  "import.on_part_failure is \"hope\": want park or fail",
		"site add":                                             "want one argument, a site's domain, got none: see `sluice site add --help`",
		"site add under_score!":                                "invalid domain \"under_score!\": want letters, digits, dots and dashes, such as example.com",
		"site add a.com --timezone Local":                      "--timezone \"Local\" is not an IANA time zone: want a name such as UTC or Europe/Berlin",
		"site add a.com --timezone Mars/Olympus":               "--timezone \"Mars/Olympus\" is not an IANA time zone: want a name such as UTC or Europe/Berlin",
		"site add a.com --native-start 2024-2-31":              "--native-start: \"2024-2-31\" is not a day: want a day of the calendar, written as YYYY-MM-DD",
		"site list x":                                          "unexpected argument \"x\": see `sluice site list --help`",
		"migrate up x":                                         "unexpected argument \"x\": see `sluice migrate up --help`",
		"migrate status x":                                     "unexpected argument \"x\": see `sluice migrate status --help`",
		"version x":                                            "unexpected argument \"x\": see `sluice version --help`",
		"worker x":                                             "unexpected argument \"x\": see `sluice worker --help`",
		"worker --load-slots 0":                                "configuration: worker.load_slots is 0: want 1 to 64",
		"--config /nope import list":                           "read the configuration file: open /nope: no such file or directory",
		"import list --config=/nope":                           "read the configuration file: open /nope: no such file or directory",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			offline().fails(t, want, strings.Fields(line)...)
		})
	}
}

func TestFlagsMayStandAnywhere(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"import start csv ./a --site b.com ./c --wait": "import start csv --site b.com --wait ./a ./c",
		"import start csv --args - ./a":                "import start csv --args - ./a",
		"import logs 3 -f":                             "import logs -f 3",
		"import -o json show 3":                        "import -o json show 3",
		"import show 3 -o json":                        "import show -o json 3",
		"import show 3 --output=json":                  "import show --output=json 3",
		"import list --config c.yml --limit 3":         "--config c.yml import list --limit 3",
		"import start csv --site a -- --wait -x":       "import start csv --site a -- --wait -x",
		"site add import --timezone UTC":               "site add --timezone UTC import",
		"import start csv import --site a":             "import start csv --site a import",
		"import start csv --generate-bash-completion":  "import start csv --generate-bash-completion",
		"import list --limit":                          "import list --limit",
		"import start --site a --wait csv ./b":         "import start csv --site a --wait ./b",
		"import start --site a noop2":                  "import start --site a noop2",
		"import --wait start csv":                      "import start csv --wait",
		"-v":                                           "-v",
		"":                                             "",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			got := flagsFirst(newApp(t, Streams{}), strings.Fields(line))
			require.Equal(t, want, strings.Join(got, " "))
		})
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	text := strings.TrimSpace(offline().ok(t, "version"))
	var v struct{ Version, Commit, Date, Description string }
	offline().json(t, &v, "version")
	require.Equal(t, text, v.Description)
	require.True(t, strings.HasPrefix(text, v.Version))
	require.Equal(t, "sluice version "+text+"\n", offline().ok(t, "--version"))
}

// TestEnvironmentIsTheProcessesUnlessGiven: the zero Streams use os.Environ.
func TestEnvironmentIsTheProcessesUnlessGiven(t *testing.T) {
	t.Parallel()
	require.NotEmpty(t, newApp(t, Streams{}).Metadata[environKey])
	given := newApp(t, Streams{Environ: []string{"A=b"}, Out: &bytes.Buffer{}})
	require.Equal(t, []string{"A=b"}, given.Metadata[environKey])
}
