package supervise

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// logFile is an append-only file with a bound: when it would grow beyond limit
// it becomes path.1, replacing the former one, and a new file is begun. Disk
// use is thus at most twice the limit.
type logFile struct {
	path  string
	limit int64

	mu   sync.Mutex
	f    *os.File
	size int64
}

func openLogFile(path string, limit int64) (*logFile, error) {
	l := &logFile{path: path, limit: limit}
	if err := l.open(); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *logFile) open() error {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log file: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("open log file: %w", errors.Join(err, f.Close()))
	}
	l.f, l.size = f, info.Size()
	return nil
}

// writeLine appends line and a newline in one write, so that lines of a former
// process that still lingers are not torn.
func (l *logFile) writeLine(line []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return nil
	}
	if l.size > 0 && l.size+int64(len(line))+1 > l.limit {
		if err := l.rotate(); err != nil {
			return err
		}
	}
	n, err := l.f.Write(append(line[:len(line):len(line)], '\n'))
	l.size += int64(n)
	if err != nil {
		return fmt.Errorf("write log file: %w", err)
	}
	return nil
}

func (l *logFile) rotate() error {
	err := l.f.Close()
	l.f = nil
	if err = errors.Join(err, os.Rename(l.path, l.path+".1")); err != nil {
		return fmt.Errorf("rotate log file: %w", err)
	}
	return l.open()
}

func (l *logFile) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return nil
	}
	err := l.f.Close()
	l.f = nil
	return err
}
