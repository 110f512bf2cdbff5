package browsertest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// script is what the Makefile finds and installs the browser with.
const script = "../../tools/browser.sh"

// programs makes executable files in a new folder.
func programs(t *testing.T, names ...string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	for _, name := range names {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"), 0o755))
	}
	return folder
}

// runScript runs the script in an environment, and returns its output and whether it succeeded.
func runScript(t *testing.T, command string, env ...string) (output string, ok bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/bin/sh", script, command)
	cmd.Env = env
	text, err := cmd.CombinedOutput()
	if err != nil {
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
	}
	return string(text), err == nil
}

// The tests and the Makefile find the same browser.
func TestPath(t *testing.T) {
	two, other := programs(t, "google-chrome", "chromium"), programs(t, "mine")
	// The script needs dirname.
	path := two + ":/usr/bin:/bin"
	for name, tc := range map[string]struct{ chromium, path, want string }{
		"the first name on PATH": {"", path, filepath.Join(two, "chromium")},
		"CHROMIUM":               {filepath.Join(other, "mine"), path, filepath.Join(other, "mine")},
		"CHROMIUM on PATH":       {"google-chrome", path, filepath.Join(two, "google-chrome")},
		"CHROMIUM that is wrong": {"/nowhere/chromium", path, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("CHROMIUM", tc.chromium)
			t.Setenv("PATH", tc.path)
			got, err := Path()
			output, ok := runScript(t, "find", "CHROMIUM="+tc.chromium, "PATH="+tc.path)
			installed, installing := runScript(t, "install", "CHROMIUM="+tc.chromium, "PATH="+tc.path)
			if tc.want == "" {
				require.ErrorContains(t, err, "CHROMIUM")
				require.False(t, ok)
				require.Contains(t, output, "CHROMIUM names /nowhere/chromium, which is no program")
				require.False(t, installing)
				require.Equal(t, output, installed)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
			require.True(t, ok, output)
			require.Equal(t, tc.want+"\n", output)
			require.True(t, installing, installed)
			require.Equal(t, "browser: "+tc.want+"\n", installed, "nothing is installed beside it")
		})
	}
}

func TestNoBrowser(t *testing.T) {
	empty := t.TempDir()
	t.Setenv("CHROMIUM", "")
	t.Setenv("PATH", empty)
	_, err := Path()
	require.EqualError(t, err, "no browser found: want CHROMIUM, or one of chromium, chromium-headless-shell, "+
		"google-chrome, google-chrome-stable, chrome, chromium-browser on PATH; `make browser` installs Debian's")
}

// The script installs on Debian as root only, and says what else helps.
func TestInstall(t *testing.T) {
	t.Parallel()
	tools := func(t *testing.T, uid string) string {
		t.Helper()
		bin := programs(t)
		for name, body := range map[string]string{
			"dirname": `exec /usr/bin/dirname "$@"`,
			"id":      "echo " + uid,
			"apt-get": `echo "apt-get $*"; case $1 in install) printf '#!/bin/sh\n' >"` + bin + `/chromium-headless-shell"; /bin/chmod 755 "` + bin + `/chromium-headless-shell";; esac`,
		} {
			require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+body+"\n"), 0o755))
		}
		return bin
	}
	release := func(t *testing.T, id string) string {
		t.Helper()
		file := filepath.Join(t.TempDir(), "os-release")
		require.NoError(t, os.WriteFile(file, []byte("NAME=\"Some System\"\nID="+id+"\n"), 0o600))
		return "OS_RELEASE=" + file
	}

	t.Run("as root on Debian", func(t *testing.T) {
		t.Parallel()
		bin := tools(t, "0")
		output, ok := runScript(t, "install", "PATH="+bin, release(t, "debian"))
		require.True(t, ok, output)
		require.Equal(t, "apt-get update -q\n"+
			"apt-get install -q -y --no-install-recommends chromium-headless-shell fonts-liberation\n"+
			"browser: "+bin+"/chromium-headless-shell\n", output)
	})
	for name, tc := range map[string]struct{ uid, id, want string }{
		"without root":         {"1000", "debian", "it takes root"},
		"on another system":    {"0", "ubuntu", "this system is not Debian"},
		"on an unknown system": {"0", "", "this system is not Debian"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			output, ok := runScript(t, "install", "PATH="+tools(t, tc.uid), release(t, tc.id))
			require.False(t, ok)
			require.Contains(t, output, tc.want)
			require.Contains(t, output, "set CHROMIUM")
			require.NotContains(t, output, "apt-get")
		})
	}
}
