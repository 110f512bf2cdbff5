//go:build unix

package sourcefile_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers/sourcefile"
)

func TestRead(t *testing.T) {
	t.Parallel()
	want := bytes.Repeat([]byte("0123456789"), 5000)
	path := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.WriteFile(path, want, 0o600))
	var opener sourcefile.Opener
	file, err := opener.Open(t.Context(), path)
	require.NoError(t, err)
	require.NoError(t, iotest.TestReader(file, want))
	part := make([]byte, 10)
	n, err := file.ReadAt(part, int64(len(want)-5))
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, "56789", string(part[:n]))
	require.EqualValues(t, len(want), file.Info().Size())
	require.NoError(t, file.Close())
	_, err = file.Read(part)
	require.ErrorIs(t, err, os.ErrClosed)
	info, err := opener.Stat(t.Context(), path)
	require.NoError(t, err)
	require.EqualValues(t, len(want), info.Size())
	entries, err := opener.ReadDir(t.Context(), filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

// Only regular files are opened, and at once: a named pipe without a writer would block
// for ever.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe, loop := filepath.Join(dir, "pipe"), filepath.Join(dir, "loop")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	require.NoError(t, os.Symlink(loop, loop))
	for path, want := range map[string]struct {
		text string
		is   error
	}{
		pipe:                          {"is not a regular file but a named pipe", sourcefile.ErrNotRegular},
		dir:                           {"is not a regular file but a directory", sourcefile.ErrNotRegular},
		os.DevNull:                    {"is not a regular file but a device", sourcefile.ErrNotRegular},
		loop:                          {"too many levels of symbolic links", syscall.ELOOP},
		filepath.Join(dir, "nowhere"): {"no such file or directory", os.ErrNotExist},
	} {
		var opener sourcefile.Opener
		_, err := opener.Open(t.Context(), path)
		require.ErrorContains(t, err, want.text)
		require.ErrorIs(t, err, want.is)
	}
}

func TestOpenCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var opener sourcefile.Opener
	_, err := opener.Open(ctx, os.DevNull)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 30*time.Second, sourcefile.DefaultTimeout)
}
