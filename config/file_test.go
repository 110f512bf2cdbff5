package config

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFaultsOfTheFile(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"unknown section": {
			"stroe:\n  dsn: " + secret, `F:1:1: there is no section "stroe": the sections are store, warehouse, worker, server, ingest, eventlog, refdata, import, csv, limits, review, retention, sync, connections, notify, log`,
		},
		"unknown setting": {
			"store:\n  dns: " + secret, `F:2:3: store has no setting "dns": its settings are dsn, max_conns`,
		},
		"a value for a name": {
			"store:\n  postgres://u:" + secret + "@db/x: y", "F:2:3: store has no setting of that name: its settings are dsn, max_conns",
		},
		"a value for a section": {
			secret + ": x", "F:1:1: there is no section of that name: the sections are store, warehouse, worker, server, ingest, eventlog, refdata, import, csv, limits, review, retention, sync, connections, notify, log",
		},
		"no section": {
			"store: " + secret, "F:1:8: want a mapping of settings: dsn, max_conns",
		},
		"no mapping": {
			"- " + secret, "F:1:1: want a mapping of sections: store, warehouse, worker, server, ingest, eventlog, refdata, import, csv, limits, review, retention, sync, connections, notify, log",
		},
		"not a number":    {"store:\n  max_conns: " + secret, "F:2:14: store.max_conns: want a whole number"},
		"a fraction":      {"store: {max_conns: 1.5}", "F:1:20: store.max_conns: want a whole number"},
		"too large":       {"store: {max_conns: 99999999999}", "F:1:20: store.max_conns: want a whole number"},
		"not a duration":  {"worker:\n  stop_timeout: " + secret, "F:2:17: worker.stop_timeout: want a duration, such as 90s or 2m"},
		"no unit":         {"worker:\n  stop_timeout: 30", "F:2:17: worker.stop_timeout: want a duration, such as 90s or 2m"},
		"not a level":     {"log:\n  level: " + secret, "F:2:10: log.level: want a level: debug, info, warn or error"},
		"not a share":     {"import: {max_reject_share: much}", "F:1:28: import.max_reject_share: want a number"},
		"a list":          {"store:\n  dsn: [" + secret + "]", "F:2:8: store.dsn: want text"},
		"an alias":        {"store: {dsn: &a " + secret + "}\nwarehouse: {dsn: *a}", "F:1:14: store.dsn: want text\nF:2:18: warehouse.dsn: want text"},
		"a tag":           {"store: {dsn: !!int " + secret + "}", "F:1:14: store.dsn: want text"},
		"a merge":         {"<<: " + secret, "F:1:1: want a plain name: one of the sections: store, warehouse, worker, server, ingest, eventlog, refdata, import, csv, limits, review, retention, sync, connections, notify, log"},
		"twice":           {"store:\n  dsn: a\n  dsn: " + secret, `F:3:3: not valid YAML: mapping key "dsn" already defined at [2:3]`},
		"an open quote":   {"store:\n  dsn: \"" + secret, "F:2:8: not valid YAML: could not find end character of double-quoted text"},
		"a tab":           {"store:\n\tdsn: " + secret, "F:2:1: not valid YAML: found character '\t' that cannot start any token"},
		"an open brace":   {"store: {dsn: " + secret, "F:1:8: not valid YAML: could not find flow mapping end token '}'"},
		"two documents":   {"log: {format: json}\n---\nlog: {format: text}", "F:3:4: a second document: want a single one"},
		"several at once": {"store: {max_conns: many}\nlog: {level: loud}", "F:1:20: store.max_conns: want a whole number\nF:2:14: log.level: want a level: debug, info, warn or error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := write(t, "F", test.text)
			_, err := Load(path, nil)
			require.Error(t, err)
			require.Equal(t, test.want, strings.ReplaceAll(err.Error(), path, "F"))
			require.NotContains(t, err.Error(), secret)
		})
	}
}

// TestNothingInTheFileKeepsTheDefaults: what is left empty is not set to nothing.
func TestNothingInTheFileKeepsTheDefaults(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty": "", "comment": "# nothing yet\n", "document": "---\n", "empty section": "store:\nwarehouse:\n",
		"empty setting": "store:\n  dsn:\n  max_conns: null\n", "comment in a section": "store:\n  # dsn: x\n", "end": "---\n...\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			loaded, err := Load(write(t, "sluice.yaml", text), nil)
			require.NoError(t, err)
			require.Equal(t, Default(), loaded)
		})
	}
}

func TestFormsOfText(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"plain": "store:\n  dsn: postgres://u@h/d?a=b", "quoted": `store: {dsn: 'postgres://u@h/d?a=b'}`,
		"block": "store:\n  dsn: |\n    postgres://u@h/d?a=b\n", "folded": "store:\n  dsn: >-\n    postgres://u@h/d?a=b\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			loaded, err := Load(write(t, "sluice.yaml", text), nil)
			require.NoError(t, err)
			require.Equal(t, "postgres://u@h/d?a=b", loaded.Store.DSN)
		})
	}
}

func TestUnreadableFile(t *testing.T) {
	t.Parallel()
	_, err := Load("/nowhere/sluice.yaml", nil)
	require.EqualError(t, err, "read the configuration file: open /nowhere/sluice.yaml: no such file or directory")
	_, err = Load(t.TempDir(), nil)
	require.ErrorContains(t, err, "read the configuration file: ")
	path := write(t, "large.yaml", strings.Repeat("#", maxFile+1))
	_, err = Load(path, nil)
	require.EqualError(t, err, "read the configuration file: "+path+": the file is larger than 1048576 bytes")
}

// FuzzYAML: whatever the file holds, it is read or refused, and what is refused is
// not repeated.
func FuzzYAML(f *testing.F) {
	for _, seed := range []string{
		"", "store:\n  dsn: x\n  max_conns: 3\n", "log: {level: debug, format: json}", "a: &a [*a]", "? - x\n: y", "---\n...\n---\n",
		"worker:\n  stop_timeout: 1h\n# end", "store: !!map\n  dsn: |\n    x", "\"\\x\": 1", "<<: {a: b}", "store:\n\tdsn: x", "%YAML 9\n---\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := Default()
		err := c.readYAML("sluice.yaml", []byte(text))
		if err != nil {
			require.NotEmpty(t, err.Error())
			require.True(t, strings.HasPrefix(err.Error(), "sluice.yaml:"), err.Error())
			return
		}
		// What was taken can be validated, and is the same when read again.
		again := Default()
		require.NoError(t, again.readYAML("sluice.yaml", []byte(text)))
		// Not equal to itself is only NaN, which Validate refuses.
		if !reflect.DeepEqual(again, c) {
			require.Error(t, c.Validate())
		}
	})
}

// FuzzSecret: a value never shows in an error, whatever stands around it.
func FuzzSecret(f *testing.F) {
	for _, seed := range []string{"store:\n  dsn: %", "store:\n  %: 1", "store: \"%", "- %", "x: *%", "store: {max_conns: %}", "%", "&% a", "!!% a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := Default()
		if err := c.readYAML("sluice.yaml", []byte(strings.ReplaceAll(text, "%", secret))); err != nil {
			require.NotContains(t, err.Error(), secret)
		}
	})
}
