package config

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// secret is planted wherever a value can stand, and must be in no error.
const secret = "hunter2-S3cret"

// write returns the path of a file with the text.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestDefaultsAreValid(t *testing.T) {
	t.Parallel()
	loaded, err := Load("", nil)
	require.NoError(t, err)
	require.Equal(t, Default(), loaded)
	require.NoError(t, loaded.Validate())
}

func TestFileOverridesDefaultsAndEnvironmentOverridesFile(t *testing.T) {
	t.Parallel()
	path := write(t, "sluice.yaml", `
store:
  dsn: postgres://file@db/sluice
  max_conns: 7
warehouse: {dsn: "http://file@ch:8123/sluice", insert_timeout: 90s, max_conns: "5"}
import:
  max_reject_share: 0.5
  on_part_failure: fail
log: {level: debug}
`)
	loaded, err := Load(path, []string{
		"SLUICE_STORE_DSN=postgres://env@db/sluice", "SLUICE_WAREHOUSE_MAX_CONNS=9", "SLUICE_LOG_LEVEL=WARN",
		"SLUICE_IMPORT_MAX_REJECTS=1", "PATH=/bin", "SLUICE_IMPORT_CHUNK_ROWS=",
	})
	require.NoError(t, err)
	want := Default()
	want.Store.DSN, want.Store.MaxConns = "postgres://env@db/sluice", 7
	want.Warehouse.DSN, want.Warehouse.InsertTimeout = "http://file@ch:8123/sluice", 90*time.Second
	want.Warehouse.MaxConns = 9
	want.Import.MaxRejects, want.Import.MaxRejectShare, want.Import.OnPartFailure = 1, 0.5, "fail"
	want.Log.Level = slog.LevelWarn
	require.Equal(t, want, loaded)
}

func TestLastOfTwoVariablesWins(t *testing.T) {
	t.Parallel()
	loaded, err := Load("", []string{"SLUICE_STORE_DSN=first", "SLUICE_STORE_DSN=second"})
	require.NoError(t, err)
	require.Equal(t, "second", loaded.Store.DSN)
}

// TestVariablesOfOthersAreIgnored: a service called sluice makes Kubernetes set
// variables of this form, and some of them may even end in _FILE.
func TestVariablesOfOthersAreIgnored(t *testing.T) {
	t.Parallel()
	loaded, err := Load("", []string{
		"SLUICE_PORT=tcp://10.0.0.1:80", "SLUICE_SERVICE_FILE=/nowhere", "SLUICE_CONFIG=/nowhere", "SLUICE_=x", "SLUICE_STORE=x",
	})
	require.NoError(t, err)
	require.Equal(t, Default(), loaded)
}

func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	dsn := write(t, "store_dsn", "postgres://sluice:"+secret+"@db/sluice\r\n")
	loaded, err := Load("", []string{"SLUICE_STORE_DSN_FILE=" + dsn})
	require.NoError(t, err)
	require.Equal(t, "postgres://sluice:"+secret+"@db/sluice", loaded.Store.DSN)

	// A setting that ends in _file is one of its own.
	loaded, err = Load("", []string{"SLUICE_WAREHOUSE_CA_FILE=/etc/ca.pem"})
	require.NoError(t, err)
	require.Equal(t, "/etc/ca.pem", loaded.Warehouse.CAFile)

	// Such a setting can be read from a file too.
	loaded, err = Load("", []string{"SLUICE_WAREHOUSE_CA_FILE_FILE=" + write(t, "where", "/etc/other.pem")})
	require.NoError(t, err)
	require.Equal(t, "/etc/other.pem", loaded.Warehouse.CAFile)
}

func TestFaultsOfTheEnvironment(t *testing.T) {
	t.Parallel()
	held := write(t, "held", secret)
	large := write(t, "large", strings.Repeat("x", maxFile+1))
	for name, test := range map[string]struct {
		environ []string
		want    string
	}{
		"both, value first": {
			[]string{"SLUICE_STORE_DSN=" + secret, "SLUICE_STORE_DSN_FILE=" + held},
			"SLUICE_STORE_DSN and SLUICE_STORE_DSN_FILE are both set: use one",
		},
		"both, file first": {
			[]string{"SLUICE_STORE_DSN_FILE=" + held, "SLUICE_STORE_DSN=" + secret},
			"SLUICE_STORE_DSN and SLUICE_STORE_DSN_FILE are both set: use one",
		},
		"no such file": {
			[]string{"SLUICE_STORE_DSN_FILE=/nowhere/at/all"},
			"read the file that SLUICE_STORE_DSN_FILE names: open /nowhere/at/all: no such file or directory",
		},
		"large file": {
			[]string{"SLUICE_STORE_DSN_FILE=" + large},
			"read the file that SLUICE_STORE_DSN_FILE names: " + large + ": the file is larger than 1048576 bytes",
		},
		"not a number": {
			[]string{"SLUICE_WAREHOUSE_MAX_CONNS=" + secret}, "SLUICE_WAREHOUSE_MAX_CONNS: want a whole number",
		},
		"a file without a number": {
			[]string{"SLUICE_WAREHOUSE_MAX_CONNS_FILE=" + held}, "SLUICE_WAREHOUSE_MAX_CONNS: want a whole number",
		},
		"a fraction": {[]string{"SLUICE_STORE_MAX_CONNS=1.5"}, "SLUICE_STORE_MAX_CONNS: want a whole number"},
		"too large":  {[]string{"SLUICE_STORE_MAX_CONNS=99999999999"}, "SLUICE_STORE_MAX_CONNS: want a whole number"},
		"not a share": {
			[]string{"SLUICE_IMPORT_MAX_REJECT_SHARE=" + secret}, "SLUICE_IMPORT_MAX_REJECT_SHARE: want a number",
		},
		"not a duration": {
			[]string{"SLUICE_WORKER_STOP_TIMEOUT=30"}, "SLUICE_WORKER_STOP_TIMEOUT: want a duration, such as 90s or 2m",
		},
		"not a level": {
			[]string{"SLUICE_LOG_LEVEL=" + secret}, "SLUICE_LOG_LEVEL: want a level: debug, info, warn or error",
		},
		"several at once": {
			[]string{"SLUICE_LOG_LEVEL=loud", "SLUICE_IMPORT_PARALLELISM=many"},
			"SLUICE_IMPORT_PARALLELISM: want a whole number\nSLUICE_LOG_LEVEL: want a level: debug, info, warn or error",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Load("", test.environ)
			require.EqualError(t, err, test.want)
			require.NotContains(t, err.Error(), secret)
		})
	}
}
