package composetest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWithSecretsScript(t *testing.T) {
	t.Parallel()

	script := filepath.Join(scripts, "with-secrets.sh")
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	one := write("one", "s3cret with 'quotes' $HOME\n")
	two := write("two", "other=value")
	equals := write("a=b", "in a file with an equals sign")
	empty := write("empty", "\n")
	missing := filepath.Join(dir, "missing")

	// The command shows its environment and its arguments, one a line.
	show := []string{"--", "/bin/sh", "-c", `printf '%s\n' "$ONE" "${TWO-unset}" "$@"`, "sh", "a b", "*"}

	tests := []struct {
		name   string
		args   []string
		status int
		stdout string
		stderr string
	}{
		{"sets one variable, byte for byte", append([]string{"ONE=" + one}, show...), 0, "s3cret with 'quotes' $HOME\nunset\na b\n*\n", ""},
		{"sets several", append([]string{"ONE=" + one, "TWO=" + two}, show...), 0, "s3cret with 'quotes' $HOME\nother=value\na b\n*\n", ""},
		{"splits at the first equals sign", append([]string{"ONE=" + equals}, show...), 0, "in a file with an equals sign\nunset\na b\n*\n", ""},
		{"passes the exit status on", []string{"ONE=" + one, "--", "/bin/sh", "-c", "exit 7"}, 7, "", ""},
		{"missing file", append([]string{"ONE=" + missing}, show...), 66, "", "missing or unreadable"},
		{"empty file", append([]string{"ONE=" + empty}, show...), 66, "", "is empty"},
		{"no command", []string{"ONE=" + one, "--"}, 64, "", "usage:"},
		{"no separator", []string{"ONE=" + one}, 64, "", "usage:"},
		{"not an assignment", []string{"ONE", "--", "true"}, 64, "", "usage:"},
		{"not a variable's name", []string{"1-X=" + one, "--", "true"}, 64, "", "usage:"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			got := run(t, nil, script, tt.args...)
			require.Equal(t, tt.status, got.status, got.stderr)
			require.Equal(t, tt.stdout, got.stdout)
			require.Contains(t, got.stderr, tt.stderr)
			require.NotContains(t, got.stderr, "s3cret")
		})
	}
}
