package clickhouse

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// pipeCapacity is the most that Linux grants without privileges. The default
// of 64 KiB would make the two sides wake each other up sixteen times as often.
const pipeCapacity = 1 << 20

// growPipe enlarges the buffer of a pipe. Where a system grants less, or a
// user has used up what all of its pipes may have together, the pipe keeps
// the size it has: that is slower, but no error.
func growPipe(file *os.File) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return fmt.Errorf("grow pipe: %w", err)
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		_, set = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeCapacity)
	})
	if err == nil && set != nil && set != unix.EPERM && set != unix.EBUSY {
		err = set
	}
	if err != nil {
		return fmt.Errorf("grow pipe: %w", err)
	}
	return nil
}
