package smtp

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// maxCertificates bounds a file with certificates, in bytes.
const maxCertificates = 1 << 20

// readCertificates reads a regular file, whose path a user may have given: one that has no end,
// or that never comes to one, must not stop a worker.
func readCertificates(path string) (text []byte, err error) {
	// A pipe without a writer is opened at once and found out below.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("want a regular file")
	}
	text, err = io.ReadAll(io.LimitReader(f, maxCertificates+1))
	if err == nil && len(text) > maxCertificates {
		return nil, fmt.Errorf("want at most %d bytes", maxCertificates)
	}
	return text, err
}
