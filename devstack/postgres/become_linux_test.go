package postgres

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// On Linux the process becomes the server.
func TestBecome(t *testing.T) {
	t.Parallel()

	t.Run("is the process itself and not root", func(t *testing.T) {
		t.Parallel()
		dir := passable(t)
		s := launch(t, binDir(t), dir)
		pid, err := readPID(filepath.Join(dir, "cluster", "postmaster.pid"))
		require.NoError(t, err)
		require.Equal(t, s.cmd.Process.Pid, pid)
		info, err := os.Stat(procFolder(pid))
		require.NoError(t, err)
		st, ok := info.Sys().(*syscall.Stat_t)
		require.True(t, ok)
		require.NotZero(t, st.Uid)
	})

	t.Run("knows its server by the folder", func(t *testing.T) {
		t.Parallel()
		dir := passable(t)
		s := launch(t, binDir(t), dir)
		require.True(t, runs(s.cmd.Process.Pid, filepath.Join(dir, "cluster")))
		require.False(t, runs(s.cmd.Process.Pid, t.TempDir()), "it is another folder's server")
	})
}
