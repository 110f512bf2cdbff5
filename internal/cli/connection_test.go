package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/connections/connectiontest"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/worker"
	"github.com/sluicehq/sluice/workflows"
)

// withKinds gives a shell the kind for tests, a key set, and the planted secret in a
// variable and in a file.
func withKinds(t *testing.T, s shell) (shell, string) {
	t.Helper()
	dir := t.TempDir()
	keyset, token := filepath.Join(dir, "keyset.json"), filepath.Join(dir, "token")
	_, err := connections.CreateKeysetFile(keyset)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(token, []byte(planted+"\r\n"), 0o600))
	s.kinds = connections.NewRegistry(connectiontest.Kind{})
	s.environ = append(s.environ, "SLUICE_CONNECTIONS_KEYSET_FILE="+keyset, "TOKEN="+planted, "EMPTY=")
	return s, token
}

func connectionShell(t *testing.T) (shell, string) {
	t.Helper()
	return withKinds(t, storeShell(t))
}

func TestConnections(t *testing.T) {
	t.Parallel()
	s, token := connectionShell(t)
	require.Equal(t, "No connections found. Add one with `sluice connection add NAME --kind KIND`.\n",
		s.ok(t, "connection", "list"))
	require.Equal(t, "[]\n", s.ok(t, "connection", "list", "-o", "json"))
	require.Equal(t, "added connection shop (example); test it with `sluice connection test shop`\n",
		s.ok(t, "connection", "add", "shop", "--kind", "example", "--set", "endpoint=https://a.example/?a=b,c", "--set", "page_size:=7",
			"--secret", "token=env:TOKEN"))
	s.fails(t, "connection shop: taken already: replace it with --replace",
		"connection", "add", "shop", "--kind", "example", "--secret", "token=env:TOKEN")

	var added connections.Info
	s.json(t, &added, "connection", "add", "other", "--kind", "example", "--settings", `{"page_size": 1, "endpoint": "x"}`,
		"--set", "endpoint=y", "--secret", "token=file:"+token, "--secret", "note=env:TOKEN")
	require.Equal(t, []string{"note", "token"}, added.Secrets)
	require.JSONEq(t, `{"endpoint": "y", "page_size": 1, "behave": "well"}`, string(added.Settings))
	require.Equal(t, connections.KeyPrimary, added.KeyStatus)
	s.stdin = planted + "\n"
	require.Equal(t, "replaced connection other (example); test it with `sluice connection test other`\n",
		s.ok(t, "connection", "add", "other", "--kind", "example", "--secret", "token=-", "--replace"))
	var shown connections.Info
	s.json(t, &shown, "connection", "show", "other")
	require.EqualValues(t, 2, shown.Version)
	require.Equal(t, []string{"token"}, shown.Secrets, "what is not given anew is gone")

	golden(t, "connection-list", keyIDs(s.ok(t, "connection", "list"), added.KeyID))
	golden(t, "connection-show", keyIDs(s.ok(t, "connection", "show", "shop"), added.KeyID))
	s.fails(t, "connection missing: no such connection: see `sluice connection list`",
		"connection", "show", "missing")

	// The secret came through all three ways, without the line ends.
	for _, name := range []string{"shop", "other"} {
		require.Contains(t, s.ok(t, "connection", "test", name, "--local"), "ok credentials accepted\nconnection "+name+" works\n")
	}
	require.Equal(t, "removed connection other\n", s.ok(t, "connection", "remove", "other"))
	s.fails(t, "connection other: no such connection: see `sluice connection list`",
		"connection", "remove", "other")
	var removed map[string]string
	s.json(t, &removed, "connection", "remove", "shop", "--force")
	require.Equal(t, map[string]string{"removed": "shop"}, removed)
}

var blanks = regexp.MustCompile(` {2,}`)

// keyIDs replaces the number of a key, which is another one every time, and the blanks
// that depend on its width.
func keyIDs(text string, id uint32) string {
	return blanks.ReplaceAllString(strings.ReplaceAll(text, fmt.Sprint(id), "KEY-ID"), "  ")
}

func TestRotateConnections(t *testing.T) {
	t.Parallel()
	s, _ := connectionShell(t)
	for _, name := range []string{"a", "b"} {
		s.ok(t, "connection", "add", name, "--kind", "example", "--secret", "token=env:TOKEN")
	}
	require.Equal(t, "nothing to rotate: already encrypted with the primary key\n", s.ok(t, "connection", "rotate", "--all"))
	var keys []connections.Key
	s.json(t, &keys, "keyset", "rotate")
	require.Len(t, keys, 2)
	require.Contains(t, s.ok(t, "connection", "list"), "old")
	require.Equal(t, "rotated 1 connection\n", s.ok(t, "connection", "rotate", "a"))
	var rotated map[string]int
	s.json(t, &rotated, "connection", "rotate", "--all")
	require.Equal(t, map[string]int{"rotated": 1}, rotated)
	require.NotContains(t, s.ok(t, "connection", "list"), "old")
	s.ok(t, "connection", "test", "b", "--local")
	s.fails(t, "connection is missing: want `sluice connection rotate NAME` or --all", "connection", "rotate")
	s.fails(t, "unexpected argument \"a\": see `sluice connection rotate --help`", "connection", "rotate", "--all", "a")
}

// Without a key set all but secrets works, and what does not says what to do.
func TestConnectionsWithoutKeyset(t *testing.T) {
	t.Parallel()
	s, _ := connectionShell(t)
	s.ok(t, "connection", "add", "shop", "--kind", "example", "--secret", "token=env:TOKEN")
	s.environ = append(s.environ, "SLUICE_CONNECTIONS_KEYSET_FILE=/nowhere/keyset.json")
	const want = "no key set for the secrets of connections: create one with `sluice keyset create --out FILE` and set " +
		"connections.keyset_file (SLUICE_CONNECTIONS_KEYSET_FILE) to it, also for the worker " +
		"(read the key set: open /nowhere/keyset.json: no such file or directory)"
	s.fails(t, want, "connection", "add", "other", "--kind", "example", "--secret", "token=env:TOKEN")
	s.fails(t, want, "connection", "rotate", "--all")
	s.fails(t, want, "keyset", "list")
	r := s.run(t, "connection", "test", "shop", "--local")
	require.Equal(t, exitFailure, r.code)
	require.Equal(t, "sluice: open connection shop: "+want+"\n", r.err)
	require.Contains(t, s.ok(t, "connection", "list"), "unknown")
	s.ok(t, "connection", "show", "shop")
	s.ok(t, "site", "list")
	s.ok(t, "connection", "remove", "shop")
}

// A connection is tested by the worker; what it finds is shown, and the secret is in
// nothing visible: not in what commands write, not in the database, not in the
// histories.
func TestConnectionTestsStayPrivate(t *testing.T) {
	t.Parallel()
	system, s := systemWithoutWorker(t)
	s, _ = withKinds(t, s)
	seen := map[string]string{}
	note := func(args ...string) result {
		r := s.run(t, args...)
		seen[strings.Join(args, " ")] = r.out + r.err
		return r
	}
	for _, behave := range []string{"well", "refuse", "leak", "panic"} {
		require.Zero(t, note("connection", "add", behave, "--kind", "example", "--set", "behave="+behave, "--secret", "token=env:TOKEN").code)
	}
	system.Tune = func(cfg *worker.Config) {
		cfg.Connections = s.kinds
		for _, entry := range s.environ {
			if path, ok := strings.CutPrefix(entry, "SLUICE_CONNECTIONS_KEYSET_FILE="); ok {
				cfg.Settings.Connections.KeysetFile = path
			}
		}
	}
	system.StartWorker(t)

	r := note("connection", "test", "well")
	require.Equal(t, result{out: "ok reached https://api.example.com\nok credentials accepted\nconnection well works\n"}, r)
	r = note("connection", "test", "leak", "--output", "json")
	require.Zero(t, r.code)
	require.JSONEq(t, `{"connection": "leak", "ok": true, "lines": ["reached https://api.example.com", "token=[secret]"]}`, r.out)
	r = note("connection", "test", "refuse")
	require.Equal(t, result{
		code: 1, out: "ok reached https://api.example.com\n", err: "sluice: connection refuse: the token \"[secret]\" is rejected\n",
	}, r)
	r = note("connection", "test", "panic", "-o", "json")
	require.Equal(t, 1, r.code)
	require.Empty(t, r.err, "the object says it")
	require.JSONEq(t, `{"connection": "panic", "ok": false, "lines": [], "error":
		"connection panic: the test of kind example panicked: token [secret]"}`, r.out)
	for _, line := range []string{
		"connection test missing", "connection test refuse --local", "connection test leak --local", "connection list",
		"connection list -o json", "connection show leak", "connection show leak -o json", "keyset list", "keyset rotate -o json",
		"connection rotate --all", "connection add well --kind example --secret token=" + planted,
		"connection add well --kind example --secret " + planted, "connection add well --kind example --set token=" + planted,
		"connection add well --kind example --replace --secret token=env:TOKEN -o json", "connection remove well",
	} {
		note(strings.Fields(line)...)
	}

	ctx := enginetest.Context(t)
	for _, name := range []string{"well", "refuse", "leak", "panic"} {
		// Not as JSON, in which payloads are base64 and nothing would be found.
		history, err := proto.Marshal(system.History(t, workflows.ConnectionTestID(name), ""))
		require.NoError(t, err)
		seen["history of "+name] = string(history)
		require.Contains(t, seen["history of "+name], map[string]string{"panic": "panicked: token [secret]"}[name])
		require.Contains(t, seen["history of "+name], `{"connection":"`+name+`"}`)
	}
	conn, err := pgx.Connect(ctx, system.Settings.Store.DSN)
	require.NoError(t, err)
	rows, err := conn.Query(ctx, "SELECT c::text || encode(sealed, 'escape') || encode(sealed, 'base64') FROM connections c")
	require.NoError(t, err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.NoError(t, conn.Close(ctx))
	require.Len(t, all, 3)
	seen["table"] = strings.Join(all, "\n")
	for where, text := range seen {
		if where = strings.ReplaceAll(where, planted, "..."); strings.Contains(text, planted) {
			require.Failf(t, "the secret shows", "%s: %s", where, text)
		}
		require.NotContains(t, text, fmt.Sprintf("%x", planted), where)
	}
}

// A test waits for a worker, and says what went wrong if there is none.
func TestConnectionTestWithoutWorker(t *testing.T) {
	t.Parallel()
	system, s := systemWithoutWorker(t)
	s, _ = withKinds(t, s)
	s.ok(t, "connection", "add", "shop", "--kind", "example", "--secret", "token=env:TOKEN")
	_, stderr, _, wait := s.background(t, "connection", "test", "shop")
	ctx := enginetest.Context(t)
	require.Eventually(t, func() bool {
		description, err := system.Temporal.DescribeWorkflowExecution(ctx, workflows.ConnectionTestID("shop"), "")
		return err == nil && description.GetWorkflowExecutionInfo().GetTaskQueue() == workflows.QueueMain
	}, time.Minute, 50*time.Millisecond)
	require.NoError(t, system.Temporal.TerminateWorkflow(ctx, workflows.ConnectionTestID("shop"), "", "the test has ended"))
	require.Equal(t, exitFailure, wait())
	require.Contains(t, stderr.String(), "sluice: test connection shop: ")
}

func TestConnectionMistakes(t *testing.T) {
	t.Parallel()
	s := offline()
	s.kinds = connections.NewRegistry(connectiontest.Kind{})
	s.environ = append(s.environ, "EMPTY=")
	const add = "connection add shop --kind example "
	const forms = "want token=env:VARIABLE, token=file:PATH or token=- for standard input"
	const outside = "secrets are not accepted on the command line, where other users and the shell's history can see them: " + forms
	const which = "--secret: want NAME=env:VARIABLE, NAME=file:PATH or NAME=- for standard input, where NAME is one of token, note"
	for line, want := range map[string]string{
		"connection add":      "want one argument, a connection's name, got none: see `sluice connection add --help`",
		"connection add shop": "--kind is missing: want one of example",
		"connection add Shop": "\"Shop\" is not the name of a connection: want 1 to 63 lower-case letters, digits, dashes and underscores, " +
			"with a letter or digit first",
		"connection add shop --kind nope":             "unknown kind of connection \"nope\" (want example)",
		add + "--secret token=" + planted:             "--secret token: " + outside,
		add + "--secret token=env:" + planted:         "--secret token: " + outside,
		add + "--secret token=env:":                   "--secret token: " + outside,
		add + "--secret token=file:":                  "--secret token: " + outside,
		add + "--secret token":                        "--secret token: " + outside,
		add + "--secret " + planted:                   which,
		add + "--secret " + planted + "=env:TOKEN":    which,
		add + "--secret token=env:A --secret token=-": "--secret token is given twice",
		add + "--secret token=- --secret note=-":      "--secret token and --secret note both read standard input: use a file for one of them",
		add + "--settings - --secret token=-":         "--settings and --secret token both read standard input: use a file for one of them",
		add + "--secret token=env:MISSING --secret note=file:/nowhere": "--secret token: the variable is not set\n" +
			"--secret note: read file: no such file or directory",
		add + "--secret token=env:EMPTY":                   "--secret token: the value is empty",
		add + "--set token=" + planted:                     "token is a secret, not a setting: want --secret " + strings.TrimPrefix(forms, "want "),
		add + "--settings {\"token\":\"" + planted + "\"}": "token is a secret, not a setting: want --secret " + strings.TrimPrefix(forms, "want "),
		add + "--set " + planted:                           "--set: want KEY=TEXT, or KEY:=JSON for values other than text",
		add + "--set Key=" + planted:                       "--set: want KEY=TEXT, or KEY:=JSON for values other than text",
		add + "--set a=1 --set a:=2":                       "--set a is given twice",
		add + "--set a:=" + planted:                        "--set a: the value after := is not JSON",
		add + "--settings [1]":                             "--settings is not a JSON object: want an object such as '{\"name\": \"value\"}'",
		add + "--settings " + planted:                      "--settings is not a JSON object: want an object such as '{\"name\": \"value\"}'",
		add + "--settings @/nowhere":                       "--settings: open /nowhere: no such file or directory",
		"connection show":                                  "want one argument, a connection's name, got none: see `sluice connection show --help`",
		"connection test a b":                              "unexpected argument \"b\" after NAME: see `sluice connection test --help`",
		"connection list x":                                "unexpected argument \"x\": see `sluice connection list --help`",
		"connection nope":                                  "`sluice connection` has no command \"nope\": see `sluice connection --help`",
		"keyset create x":                                  "unexpected argument \"x\": see `sluice keyset create --help`",
		"keyset rotate --file /nowhere/k":                  "rotate the key set: open /nowhere/k.new: no such file or directory",
	} {
		t.Run(strings.ReplaceAll(line, planted, "..."), func(t *testing.T) {
			t.Parallel()
			s.fails(t, want, strings.Fields(line)...)
			require.NotContains(t, want, planted)
		})
	}
}
