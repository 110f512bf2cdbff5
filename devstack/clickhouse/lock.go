package clickhouse

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// dataLock holds a data directory for this process. The kernel lets go of it
// when the process ends, however it ends.
type dataLock struct{ file *os.File }

// lockData takes the lock of dir. If another process has it, the error names
// that process.
func lockData(dir string) (*dataLock, error) {
	path := filepath.Join(dir, "lock")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock of data directory: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("data directory %s is in use%s: %w", dir, lockHolder(file), err), file.Close())
	}
	l := &dataLock{file}
	err = file.Truncate(0)
	if err == nil {
		_, err = file.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write lock of data directory: %w", err), l.unlock())
	}
	return l, nil
}

// lockHolder reads who wrote the lock file, for the error message.
func lockHolder(file *os.File) string {
	var buf [20]byte
	n, err := file.ReadAt(buf[:], 0)
	if n == 0 {
		return ""
	}
	pid, convErr := strconv.Atoi(strings.TrimSpace(string(buf[:n])))
	if convErr != nil && err != nil {
		return ""
	}
	return fmt.Sprintf(" by process %d", pid)
}

// unlock gives the directory free. The file stays: removing it would let two
// processes lock two files of the same name.
func (l *dataLock) unlock() error {
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("unlock data directory: %w", err)
	}
	return nil
}
