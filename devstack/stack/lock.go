package stack

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// ErrLocked is returned when another stack uses the data folder.
var ErrLocked = errors.New("data folder is in use")

// lockName is the lock file's name in the data folder.
const lockName = "lock"

// folderLock keeps a second stack off a data folder. The kernel releases it
// with the process, however that ends; the file stays and means nothing.
type folderLock struct{ f *os.File }

func lockFolder(dir string) (*folderLock, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		who := "another sluice-dev"
		if content, readErr := io.ReadAll(io.LimitReader(f, 32)); readErr == nil && len(content) > 0 {
			who += " (process " + strings.TrimSpace(string(content)) + ")"
		}
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = fmt.Errorf("%w: %s uses %s; stop it, or choose another folder with --data", ErrLocked, who, dir)
		}
		return nil, errors.Join(err, f.Close())
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write lock file: %w", err), f.Close())
	}
	return &folderLock{f: f}, nil
}

func (l *folderLock) release() error {
	if err := l.f.Close(); err != nil {
		return fmt.Errorf("release lock: %w", err)
	}
	return nil
}

// Abandoned tells whether dir is a stack's data folder that no process uses.
func Abandoned(dir string) (bool, error) {
	if _, err := os.Stat(filepath.Join(dir, lockName)); errors.Is(err, os.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("look at lock file: %w", err)
	}
	lock, err := lockFolder(dir)
	if errors.Is(err, ErrLocked) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, lock.release()
}
