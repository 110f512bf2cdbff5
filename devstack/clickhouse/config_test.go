package clickhouse

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	valid := Config{Address: "127.0.0.1:0", DataDir: "data", LibraryPath: libchdb}
	require.NoError(t, valid.Validate())
	for name, tc := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"address":         {func(c *Config) { c.Address = "8123" }, `address "8123": want host:port`},
		"native address":  {func(c *Config) { c.NativeAddress = "9000" }, `native address "9000": want host:port`},
		"open to all":     {func(c *Config) { c.Address = "0.0.0.0:8123" }, "want a loopback host"},
		"native to all":   {func(c *Config) { c.NativeAddress = ":9000" }, `native address ":9000": want a loopback host`},
		"data directory":  {func(c *Config) { c.DataDir = "" }, "data directory: want a path"},
		"pattern":         {func(c *Config) { c.DataDir = "a{b}" }, "want a path without * ? { }"},
		"no library":      {func(c *Config) { c.LibraryPath = "" }, "SLUICE_LIBCHDB"},
		"missing library": {func(c *Config) { c.LibraryPath = "missing.so" }, "missing.so: no such file"},
		"library folder":  {func(c *Config) { c.LibraryPath = t.TempDir() }, "want a file, got a directory"},
		"database":        {func(c *Config) { c.Database = "\x00" }, "holds no NUL"},
		"threads":         {func(c *Config) { c.MaxThreads = -1 }, "max threads -1"},
		"connections":     {func(c *Config) { c.MaxConnections = -1 }, "max connections -1"},
		"memory":          {func(c *Config) { c.MaxMemory = -1 }, "max memory -1"},
		"grace":           {func(c *Config) { c.ShutdownGrace = -1 }, "shutdown grace -1ns"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := valid
			tc.change(&cfg)
			require.ErrorContains(t, cfg.Validate(), tc.want)
			require.ErrorContains(t, Run(t.Context(), cfg), tc.want)
		})
	}
	err := Config{MaxThreads: -1}.Validate()
	require.ErrorContains(t, err, "address")
	require.ErrorContains(t, err, "data directory")
	require.ErrorContains(t, err, "library path")
	require.ErrorContains(t, err, "max threads", "every fault is reported")
}

func TestConfigDefaults(t *testing.T) {
	t.Parallel()
	cfg := Config{}.withDefaults()
	require.Equal(t, DefaultDatabase, cfg.Database)
	require.Equal(t, DefaultShutdownGrace, cfg.ShutdownGrace)
	require.GreaterOrEqual(t, cfg.MaxConnections, 4)
	require.LessOrEqual(t, cfg.MaxConnections, 16)
	require.NotNil(t, cfg.Logger)
	require.NotNil(t, cfg.Ready)
	require.NotNil(t, cfg.NativeReady)
}

func TestRunErrors(t *testing.T) {
	t.Parallel()
	t.Run("file that is no library", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "libchdb.so")
		require.NoError(t, os.WriteFile(path, []byte("nothing"), 0o600))
		dir := t.TempDir()
		for range 2 { // the lock is given back
			err := Run(t.Context(), Config{Address: "127.0.0.1:0", DataDir: dir, LibraryPath: path})
			require.ErrorContains(t, err, "start engine: open libchdb: ")
		}
	})
	t.Run("library without the functions", func(t *testing.T) {
		t.Parallel()
		_, err := openLibrary(map[string]string{"linux": "libc.so.6", "darwin": "libSystem.B.dylib"}[runtime.GOOS])
		require.ErrorContains(t, err, "chdb_connect")
	})
	t.Run("address in use", func(t *testing.T) {
		t.Parallel()
		listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, listener.Close()) })
		err = Run(t.Context(), Config{Address: listener.Addr().String(), DataDir: t.TempDir(), LibraryPath: libchdb})
		require.ErrorContains(t, err, "address already in use")
	})
	t.Run("no slot is free", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := (&engine{}).do(ctx, &request{}, nil)
		require.ErrorContains(t, err, "(TOO_MANY_SIMULTANEOUS_QUERIES)")
	})
}
