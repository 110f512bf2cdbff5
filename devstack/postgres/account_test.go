package postgres

import (
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// stranger is an account that owns nothing and is in no group.
func stranger() *account { return &account{name: "stranger", uid: 61234, gid: 61234} }

func TestBlockedAt(t *testing.T) {
	t.Parallel()

	t.Run("an unprivileged user needs no other account", func(t *testing.T) {
		t.Parallel()
		var as *account
		blocked, err := as.blockedAt("/no/such/place")
		require.NoError(t, err)
		require.Empty(t, blocked)
	})

	t.Run("names the folder that is closed", func(t *testing.T) {
		t.Parallel()
		closed := filepath.Join(passable(t), "closed")
		inside := filepath.Join(closed, "inside")
		require.NoError(t, os.MkdirAll(inside, 0o755))
		blocked, err := stranger().blockedAt(inside)
		require.NoError(t, err)
		require.Empty(t, blocked)
		require.NoError(t, os.Chmod(closed, 0o700))
		blocked, err = stranger().blockedAt(inside)
		require.NoError(t, err)
		require.Equal(t, closed, blocked)
	})

	t.Run("looks at the owner's bits for the owner", func(t *testing.T) {
		t.Parallel()
		dir := passable(t)
		require.NoError(t, os.Chmod(dir, 0o700))
		owner := &account{name: "me", uid: uint32(os.Getuid()), gid: uint32(os.Getgid())}
		blocked, err := owner.blockedAt(dir)
		require.NoError(t, err)
		require.Empty(t, blocked)
	})
}

func TestReachablePrograms(t *testing.T) {
	t.Parallel()
	source := filepath.Join(t.TempDir(), "native")
	bin := filepath.Join(source, "bin")
	require.NoError(t, os.MkdirAll(filepath.Join(source, "lib"), 0o755))
	require.NoError(t, os.Mkdir(bin, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(bin, "postgres"), []byte("v1"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(source, "lib", "libpq.so.5"), []byte("lib"), 0o644))
	require.NoError(t, os.Symlink("libpq.so.5", filepath.Join(source, "lib", "libpq.so")))
	require.NoError(t, os.Chmod(source, 0o700))
	cfg := Config{BinDir: bin, DataDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)}

	got, err := reachablePrograms(cfg, nil)
	require.NoError(t, err)
	require.Equal(t, bin, got, "nothing is copied for ourselves")

	got, err = reachablePrograms(cfg, stranger())
	require.NoError(t, err)
	require.Equal(t, filepath.Join(cfg.DataDir, "programs", "bin"), got)
	link, err := os.Readlink(filepath.Join(cfg.DataDir, "programs", "lib", "libpq.so"))
	require.NoError(t, err)
	require.Equal(t, "libpq.so.5", link)
	info, err := os.Stat(filepath.Join(got, "postgres"))
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&0o111, "it can be run")

	require.NoError(t, os.WriteFile(filepath.Join(bin, "postgres"), []byte("version 2"), 0o755))
	_, err = reachablePrograms(cfg, stranger())
	require.NoError(t, err)
	copied, err := os.ReadFile(filepath.Join(got, "postgres"))
	require.NoError(t, err)
	require.Equal(t, "version 2", string(copied), "an upgrade is followed")
}

func TestStalePID(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"of a process that is gone":    "2147483646\n/d\n",
		"of ourselves":                 "",
		"that names another program's": "1\n/d\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "postmaster.pid")
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			require.NoError(t, clearStalePID(t.Context(), dir))
			if content != "" {
				require.NoFileExists(t, path)
			}
		})
	}

	t.Run("without a file nothing happens", func(t *testing.T) {
		t.Parallel()
		require.NoError(t, clearStalePID(t.Context(), t.TempDir()))
	})
	require.False(t, runs(-1, "/"))
	require.ErrorIs(t, syscall.Kill(2147483646, 0), syscall.ESRCH, "the id above must be free")
}
