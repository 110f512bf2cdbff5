package app

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/devstack/ports"
	"github.com/sluicehq/sluice/devstack/postgres"
	"github.com/sluicehq/sluice/devstack/supervise"
)

func freePort(t *testing.T) string {
	t.Helper()
	free, err := ports.Free("127.0.0.1", 1)
	require.NoError(t, err)
	return strconv.Itoa(free[0])
}

// call runs the command line in this process, for what ends before an engine
// starts.
func call(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	var out bytes.Buffer
	err = New(Hooks{Version: "1.2.3", Stdout: &out, Stderr: &out}).RunContext(t.Context(), append([]string{"sluice-dev"}, args...))
	return out.String(), err
}

func TestHelp(t *testing.T) {
	t.Parallel()
	out, err := call(t, "--help")
	require.NoError(t, err)
	for _, command := range []string{"up", "exec", "server", "postgres", "clickhouse"} {
		require.Contains(t, out, command)
	}
	require.NotContains(t, out, "run the Sluice worker", "this program has none")
	out, err = call(t, "--version")
	require.NoError(t, err)
	require.Equal(t, "sluice-dev version 1.2.3\n", out)
}

func TestWrongUsageIsPermanent(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"search attribute without a type": {[]string{"server", "start-dev", "--search-attribute", "Site"}, `--search-attribute "Site": want NAME=VALUE`},
		"unknown type":                    {[]string{"server", "start-dev", "--search-attribute", "Site=Word"}, "Word is not a valid IndexedValueType"},
		"value that is not JSON":          {[]string{"server", "start-dev", "--dynamic-config-value", "a.b=10s"}, "want one JSON value, got more after it: 10s"},
		"value that is a bare word":       {[]string{"server", "start-dev", "--dynamic-config-value", "a.b=yes"}, "want JSON"},
		"log level":                       {[]string{"server", "start-dev", "--log-level", "loud"}, `log level "loud": want debug, info, warn, error or never`},
		"log format":                      {[]string{"server", "start-dev", "--log-format", "xml"}, `log format "xml"`},
		"port":                            {[]string{"server", "start-dev", "--port", "70000"}, "port 70000: want 0 to 65535"},
		"address open to all":             {[]string{"postgres", "--data", "x", "--address", "0.0.0.0:1"}, "want a loopback host"},
		"setting":                         {[]string{"postgres", "--data", "x", "--setting", "fsync"}, `--setting "fsync": want NAME=VALUE`},
		"clickhouse address":              {[]string{"clickhouse", "--data", "x", "--address", "here"}, "want host:port"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := call(t, tc.args...)
			require.ErrorContains(t, err, tc.want)
			require.Equal(t, supervise.ExitPermanent, ExitCode(err, &bytes.Buffer{}))
		})
	}
}

func TestExitCode(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err    error
		code   int
		stderr string
	}{
		"success":                    {nil, 0, ""},
		"an error":                   {errors.New("no"), 1, "sluice-dev: no\n"},
		"a child's code, not ours":   {fmt.Errorf("child: %w", exec.Command("sh", "-c", "exit 9").Run()), 1, "sluice-dev: child: exit status 9\n"},
		"a command's own code":       {&exitError{code: 42}, 42, ""},
		"an engine's final refusal":  {engineError(postgres.ErrVersion), supervise.ExitPermanent, "sluice-dev: " + postgres.ErrVersion.Error() + "\n"},
		"an engine's passing fault":  {engineError(postgres.ErrRunning), 1, "sluice-dev: " + postgres.ErrRunning.Error() + "\n"},
		"an engine's orderly ending": {engineError(nil), 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stderr bytes.Buffer
			require.Equal(t, tc.code, ExitCode(tc.err, &stderr))
			require.Equal(t, tc.stderr, stderr.String())
		})
	}
}

func TestDefaultDataDir(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_DATA_HOME", dir)
	got, err := defaultDataDir()
	require.NoError(t, err)
	if os.Geteuid() == 0 {
		require.Equal(t, "/var/lib/sluice-dev", got)
		return
	}
	require.Equal(t, dir+"/sluice-dev", got)
}

func TestIsTerminal(t *testing.T) {
	t.Parallel()
	require.False(t, isTerminal(&bytes.Buffer{}))
	f, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	require.False(t, isTerminal(f))
}
