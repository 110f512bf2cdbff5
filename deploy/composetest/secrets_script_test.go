package composetest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSecretsScript(t *testing.T) {
	t.Parallel()

	script := filepath.Join(scripts, "secrets.sh")
	read := func(t *testing.T, dir string) map[string]string {
		t.Helper()
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		content := map[string]string{}
		for _, entry := range entries {
			value, err := os.ReadFile(filepath.Join(dir, entry.Name()))
			require.NoError(t, err)
			content[entry.Name()] = string(value)
		}
		return content
	}

	t.Run("makes random secrets once and never overwrites", func(t *testing.T) {
		t.Parallel()

		dir := filepath.Join(t.TempDir(), "secrets")
		first := run(t, nil, script, dir)
		require.Zero(t, first.status, first.stderr)
		made := read(t, dir)
		require.Len(t, made, 8, "and nothing left over")

		random := regexp.MustCompile(`^[0-9a-f]{64}$`)
		different := map[string]bool{}
		for name, value := range made {
			if strings.HasSuffix(name, "_password") {
				require.Regexp(t, random, value, name)
				different[value] = true
			}
			require.NotContains(t, first.stdout+first.stderr, value, "a secret was printed")
		}
		require.Len(t, different, 4)
		require.Regexp(t, `^log-[0-9a-f]{64}$`, made["eventlog_token"])
		require.Contains(t, made["store_dsn"], ":"+made["store_password"]+"@postgres:5432/sluice")
		require.Contains(t, made["warehouse_dsn"], ":"+made["warehouse_password"]+"@clickhouse:8123/sluice")

		second := run(t, nil, script, dir)
		require.Zero(t, second.status, second.stderr)
		require.NotContains(t, second.stdout, "created")
		require.Equal(t, made, read(t, dir))
	})

	t.Run("the folder is closed to others and the files are read-only", func(t *testing.T) {
		t.Parallel()

		dir := filepath.Join(t.TempDir(), "secrets")
		require.NoError(t, os.Mkdir(dir, 0o755))
		require.Zero(t, run(t, nil, script, dir).status)

		info, err := os.Stat(dir)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
		info, err = os.Stat(filepath.Join(dir, "store_dsn"))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o444), info.Mode().Perm())
	})

	t.Run("keeps a secret that was put there before", func(t *testing.T) {
		t.Parallel()

		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "store_password"), []byte("mine"), 0o600))
		got := run(t, nil, script, dir)
		require.Zero(t, got.status, got.stderr)
		require.Contains(t, got.stdout, "kept    store_password\n")
		require.Equal(t, "mine", read(t, dir)["store_password"])
		require.Contains(t, read(t, dir)["store_dsn"], ":mine@")
	})

	for dsn, password := range map[string]string{"store_dsn": "store_password", "warehouse_dsn": "warehouse_password"} {
		t.Run("refuses "+dsn+" without its password", func(t *testing.T) {
			t.Parallel()

			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, dsn), []byte("x"), 0o600))
			got := run(t, nil, script, dir)
			require.Equal(t, 1, got.status)
			require.Contains(t, got.stderr, password)
			require.Equal(t, map[string]string{dsn: "x"}, read(t, dir), "nothing may be half done")
		})
	}

	for _, token := range []string{"1234", "5e7", "a b", "$PATH", "a#b", "{}", "ä"} {
		t.Run("refuses the token "+token, func(t *testing.T) {
			t.Parallel()

			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "eventlog_token"), []byte(token), 0o600))
			got := run(t, nil, script, dir)
			require.Equal(t, 1, got.status)
			require.Contains(t, got.stderr, "eventlog_token: want a letter, followed by letters, digits, - and _")
			require.NotContains(t, got.stderr, token)
			require.Equal(t, map[string]string{"eventlog_token": token}, read(t, dir), "nothing may be half done")
		})
	}

	t.Run("refuses an empty secret", func(t *testing.T) {
		t.Parallel()

		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "temporal_password"), nil, 0o600))
		got := run(t, nil, script, dir)
		require.NotZero(t, got.status)
		require.Contains(t, got.stderr, "temporal_password")
	})
}
