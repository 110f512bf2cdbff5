package killtest_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// mountSmall puts a file system of the given size at dir, to the end of the test, and
// returns what makes it larger. ok is false where mounting is not permitted.
func mountSmall(t *testing.T, dir string, mebibytes int) (grow func(mebibytes int), ok bool) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=755", mebibytes))
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return nil, false
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return func(mebibytes int) {
		require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, fmt.Sprintf("size=%dm", mebibytes)))
	}, true
}
