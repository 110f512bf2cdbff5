// Package atomicfile replaces files in one step: a reader and a crash find the old content or the new one.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace gives the file at path a new content and permissions. The file need not exist; its folder must. The
// content is on disk when Replace returns nil.
func Replace(path string, content []byte, perm fs.FileMode) error {
	next, err := Prepare(path, content, perm)
	if err != nil {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return errors.Join(err, os.Remove(next))
	}
	return SyncFolder(path)
}

// Prepare writes a content into a new file beside path, from where it can replace path, and returns the name of the
// new file. The content is on disk, its name need not be.
func Prepare(path string, content []byte, perm fs.FileMode) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Chmod(perm), f.Sync(), f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// Exchange lets two files of a folder change their names in one step. The error is errors.ErrUnsupported if the system
// or the file system cannot do that; then nothing has changed.
func Exchange(a, b string) error { return exchange(a, b) }

// SyncFolder makes the names in the folder of path durable: a created or renamed file survives a power failure.
func SyncFolder(path string) error {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
