package composetest

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// result is what a script did.
type result struct {
	status         int
	stdout, stderr string
}

// run runs a script with sh, env added to this process's environment.
func run(t *testing.T, env []string, script string, args ...string) result {
	t.Helper()

	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "/bin/sh", append([]string{script}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr

	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return result{status: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
}

// stub puts a command called name, with the given body in sh, before all others
// on the PATH that it returns. The body finds a folder for its own use in $STATE.
func stub(t *testing.T, name, body string) (env []string, state string) {
	t.Helper()

	bin, state := t.TempDir(), t.TempDir()
	script := "#!/bin/sh\nset -eu\nSTATE='" + state + "'\n" + body
	require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte(script), 0o755))
	return []string{"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH")}, state
}

func TestScriptsParse(t *testing.T) {
	t.Parallel()

	found, err := filepath.Glob(filepath.Join(scripts, "*.sh"))
	require.NoError(t, err)
	require.Len(t, found, 5)
	for _, script := range found {
		t.Run(filepath.Base(script), func(t *testing.T) {
			t.Parallel()

			got := run(t, nil, "-n", script)
			require.Zero(t, got.status, got.stderr)

			info, err := os.Stat(script)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o755), info.Mode().Perm()|0o055, "must be executable")
			content, err := os.ReadFile(script)
			require.NoError(t, err)
			require.Regexp(t, `\A#!/bin/sh\n`, string(content))
			require.Regexp(t, `(?m)^set -eu$`, string(content))
		})
	}
}
