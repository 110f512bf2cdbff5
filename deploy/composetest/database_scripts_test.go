package composetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPostgresInitScript(t *testing.T) {
	t.Parallel()

	script := filepath.Join(scripts, "postgres-init.sh")
	setup := func(t *testing.T) (env []string, state, secrets string) {
		t.Helper()
		env, state = stub(t, "psql", `echo "$*" >"$STATE/args"; cat >"$STATE/sql"; eval "$(grep -o 'cat "[^"]*"' "$STATE/sql" | head -n 1)" >"$STATE/read"`)
		secrets = t.TempDir()
		return append(env, "SECRETS_DIR="+secrets), state, secrets
	}

	t.Run("creates two roles and three databases", func(t *testing.T) {
		t.Parallel()

		env, state, secrets := setup(t)
		for _, name := range []string{"temporal_password", "store_password"} {
			require.NoError(t, os.WriteFile(filepath.Join(secrets, name), []byte("s3cret-"+name), 0o600))
		}
		got := run(t, env, script)
		require.Zero(t, got.status, got.stderr)

		args, err := os.ReadFile(filepath.Join(state, "args"))
		require.NoError(t, err)
		require.Contains(t, string(args), "ON_ERROR_STOP=1")
		sql, err := os.ReadFile(filepath.Join(state, "sql"))
		require.NoError(t, err)
		for _, statement := range []string{
			"CREATE DATABASE temporal OWNER temporal;",
			"CREATE DATABASE temporal_visibility OWNER temporal;",
			"CREATE DATABASE sluice OWNER sluice;",
		} {
			require.Contains(t, string(sql), statement)
		}
		require.NotContains(t, string(args)+string(sql), "s3cret", "a password is on a command line or in the text")

		read, err := os.ReadFile(filepath.Join(state, "read"))
		require.NoError(t, err)
		require.Equal(t, "s3cret-temporal_password", string(read), "psql cannot read the file")
	})

	t.Run("stops before the first statement when a secret is missing", func(t *testing.T) {
		t.Parallel()

		env, state, _ := setup(t)
		got := run(t, env, script)
		require.Equal(t, 66, got.status)
		require.Contains(t, got.stderr, "temporal_password")
		require.NoFileExists(t, filepath.Join(state, "sql"))
	})
}

func TestTemporalSchemaScript(t *testing.T) {
	t.Parallel()

	script := filepath.Join(scripts, "temporal-schema.sh")
	address := []string{"SQL_HOST=postgres", "SQL_USER=temporal"}

	t.Run("sets up and updates both databases", func(t *testing.T) {
		t.Parallel()

		env, state := stub(t, "temporal-sql-tool", `test -n "$SQL_PASSWORD"; echo "$*" >>"$STATE/calls"`)
		got := run(t, append(append(env, address...), "SQL_PASSWORD=s3cret"), script)
		require.Zero(t, got.status, got.stderr)

		calls, err := os.ReadFile(filepath.Join(state, "calls"))
		require.NoError(t, err)
		const connect = "--plugin postgres12 --endpoint postgres --port 5432 --user temporal --database "
		const folder = " update-schema --schema-dir /etc/temporal/schema/postgresql/v12/"
		require.Equal(t, []string{
			connect + "temporal setup-schema --version 0.0",
			connect + "temporal" + folder + "temporal/versioned",
			connect + "temporal_visibility setup-schema --version 0.0",
			connect + "temporal_visibility" + folder + "visibility/versioned",
		}, strings.Split(strings.TrimSpace(string(calls)), "\n"))
	})

	t.Run("a failure is not passed over", func(t *testing.T) {
		t.Parallel()

		env, state := stub(t, "temporal-sql-tool", `echo "$*" >>"$STATE/calls"; exit 3`)
		got := run(t, append(append(env, address...), "SQL_PASSWORD=s3cret"), script)
		require.Equal(t, 3, got.status)
		calls, err := os.ReadFile(filepath.Join(state, "calls"))
		require.NoError(t, err)
		require.Equal(t, 1, strings.Count(string(calls), "\n"))
	})

	t.Run("needs a password", func(t *testing.T) {
		t.Parallel()

		got := run(t, append(address, "SQL_PASSWORD="), script)
		require.NotZero(t, got.status)
		require.Contains(t, got.stderr, "SQL_PASSWORD")
	})
}
