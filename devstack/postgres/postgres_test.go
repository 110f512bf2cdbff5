package postgres

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRun(t *testing.T) {
	t.Parallel()

	t.Run("makes a cluster with the database", func(t *testing.T) {
		t.Parallel()
		s := launch(t, binDir(t), passable(t))
		require.Equal(t, "sluice/sluice/UTF8/C", s.query(t,
			"SELECT current_user || '/' || datname || '/' || pg_encoding_to_char(encoding) || '/' || datcollate "+
				"FROM pg_database WHERE datname = current_database()"))
		require.Equal(t, "on/on/UTC", s.query(t,
			"SELECT current_setting('fsync') || '/' || current_setting('synchronous_commit') || '/' || current_setting('timezone')"))
		s.signal(t, syscall.SIGINT)
	})

	t.Run("keeps committed rows over SIGKILL and over a shutdown", func(t *testing.T) {
		t.Parallel()
		dir := passable(t)
		s := launch(t, binDir(t), dir)
		s.exec(t, "CREATE TABLE kept AS SELECT * FROM generate_series(1, 1000) AS n")
		s.signal(t, syscall.SIGKILL)
		s = launch(t, binDir(t), dir)
		require.Equal(t, "500500", s.query(t, "SELECT sum(n)::text FROM kept"))
		s.signal(t, syscall.SIGINT)
		s = launch(t, binDir(t), dir)
		require.Equal(t, "500500", s.query(t, "SELECT sum(n)::text FROM kept"))
	})

	t.Run("starts although postmaster.pid names another living process", func(t *testing.T) {
		t.Parallel()
		dir := passable(t)
		s := launch(t, binDir(t), dir)
		s.signal(t, syscall.SIGKILL)
		path := filepath.Join(dir, "cluster", "postmaster.pid")
		require.NoError(t, os.WriteFile(path, []byte(strconv.Itoa(os.Getppid())+"\n"), 0o600))
		launch(t, binDir(t), dir)
	})

	t.Run("begins anew when it was killed while making the cluster", func(t *testing.T) {
		t.Parallel()
		dir := passable(t)
		half := filepath.Join(dir, "cluster.new", "base")
		require.NoError(t, os.MkdirAll(half, 0o700))
		launch(t, binDir(t), dir)
		require.NoDirExists(t, filepath.Join(dir, "cluster.new"))
	})

	t.Run("refuses a cluster of another version", func(t *testing.T) {
		t.Parallel()
		dir := passable(t)
		require.NoError(t, os.Mkdir(filepath.Join(dir, "cluster"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "cluster", "PG_VERSION"), []byte("9\n"), 0o600))
		err := Run(t.Context(), Config{BinDir: binDir(t), DataDir: dir, Address: "127.0.0.1:1"})
		require.ErrorIs(t, err, ErrVersion)
		require.ErrorContains(t, err, "was made by PostgreSQL 9")
		require.ErrorContains(t, err, "SLUICE_POSTGRES_BIN")
	})
}

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cfg  Config
		want []string
	}{
		"everything missing": {Config{}, []string{"PostgreSQL programs is missing", "data folder is missing", "want host:port"}},
		"open to the world":  {Config{BinDir: "b", DataDir: "d", Address: "0.0.0.0:5432"}, []string{"want a loopback host", "no password"}},
		"no port":            {Config{BinDir: "b", DataDir: "d", Address: "127.0.0.1:0"}, []string{"want a port from 1 to 65535"}},
		"a name for a port":  {Config{BinDir: "b", DataDir: "d", Address: "127.0.0.1:pg"}, []string{"want a port from 1 to 65535"}},
		"IPv6":               {Config{BinDir: "b", DataDir: "d", Address: "[::1]:5432"}, nil},
		"localhost":          {Config{BinDir: "b", DataDir: "d", Address: "localhost:5432"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tc.cfg.Validate()
			if tc.want == nil {
				require.NoError(t, err)
			}
			for _, want := range tc.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func TestServerEnv(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"PATH=/bin", "HOME=/x", "LC_ALL=C"},
		serverEnv([]string{"PATH=/bin", "PGPORT=1", "PGDATA=/y", "LANG=de_DE.UTF-8", "LC_TIME=de_DE", "HOME=/x"}))
}

func TestServerArgs(t *testing.T) {
	t.Parallel()
	args, err := serverArgs(Config{
		DataDir: "/d", Address: "[::1]:1234", Settings: map[string]string{"fsync": "off", "work_mem": "8MB"},
	}, "/bin/postgres")
	require.NoError(t, err)
	require.Equal(t, []string{"/bin/postgres", "-D", "/d/cluster"}, args[:3])
	require.Contains(t, args, "listen_addresses=::1")
	require.Contains(t, args, "port=1234")
	require.Contains(t, args, "work_mem=8MB")
	require.Contains(t, args, "fsync=off", "the caller's settings win")
	require.NotContains(t, args, "fsync=on")
}
