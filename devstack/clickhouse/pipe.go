package clickhouse

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
)

// pipeDir makes named pipes. Data go into and out of the engine through them,
// so that neither side ever holds all of them.
type pipeDir struct {
	path string
	next atomic.Uint64
}

// newPipeDir creates an empty directory at path that other users cannot read. It removes the files
// of a killed process.
func newPipeDir(path string) (*pipeDir, error) {
	if err := os.RemoveAll(path); err != nil {
		return nil, fmt.Errorf("clean directory of pipes: %w", err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make directory of pipes: %w", err)
	}
	return &pipeDir{path: path}, nil
}

// pipe makes a new pipe and returns its path. The caller removes it.
func (d *pipeDir) pipe() (string, error) {
	path := filepath.Join(d.path, strconv.FormatUint(d.next.Add(1), 10))
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		return "", fmt.Errorf("make pipe: %w", err)
	}
	return path, nil
}

// openWriter opens the writing end and waits until the engine has opened the
// reading one, or until releaseWriter.
func openWriter(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("open pipe for writing: %w", err)
	}
	if err := growPipe(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// releaseWriter lets an openWriter return for which no reader has come. It
// must receive from opened that openWriter has returned: a reader that went
// away before would leave it waiting.
func releaseWriter(path string, opened <-chan struct{}) error {
	select {
	case <-opened:
		return nil
	default:
	}
	reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("release pipe: %w", err)
	}
	<-opened
	if err := reader.Close(); err != nil {
		return fmt.Errorf("release pipe: %w", err)
	}
	return nil
}

// outlet is the reading side of a pipe that the engine writes to.
type outlet struct {
	*os.File
	holder *os.File
}

// openOutlet opens the reading end at once, without waiting for the engine.
// The pipe has no end until seal is called.
func openOutlet(path string) (*outlet, error) {
	// A pipe that is open for writing, be it by ourselves, can be opened for
	// reading without waiting and does not report an end before the engine
	// has even opened it.
	holder, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open pipe: %w", err)
	}
	reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open pipe for reading: %w", err), holder.Close())
	}
	if err := growPipe(reader); err != nil {
		return nil, errors.Join(err, reader.Close(), holder.Close())
	}
	return &outlet{reader, holder}, nil
}

// seal marks what is in the pipe as all there is.
func (o *outlet) seal() error { return o.holder.Close() }
