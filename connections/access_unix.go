//go:build unix

package connections

import (
	"os"
	"syscall"
)

// sameAccess copies owner and permissions from another file: a service must be able to
// read its key set after root has rotated it.
func sameAccess(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && (int(stat.Uid) != os.Getuid() || int(stat.Gid) != os.Getgid()) {
		if err := os.Chown(to, int(stat.Uid), int(stat.Gid)); err != nil {
			return err
		}
	}
	return os.Chmod(to, info.Mode().Perm())
}
