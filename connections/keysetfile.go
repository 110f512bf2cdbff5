package connections

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sluicehq/sluice/internal/atomicfile"
)

// maxKeyset bounds the file of a key set, in bytes: thousands of keys.
const maxKeyset = 1 << 20

// CreateKeysetFile creates a key set in a new file that only its owner can read. It is
// atomic, and returns fs.ErrExist if the file exists.
func CreateKeysetFile(path string) (k *Keyset, err error) {
	if k, err = NewKeyset(); err != nil {
		return nil, err
	}
	text, err := k.JSON()
	if err != nil {
		return nil, err
	}
	if err := createWhole(path, text); err != nil {
		return nil, fmt.Errorf("create the key set's file: %w", err)
	}
	return k, synced(path)
}

// createWhole writes a temporary file and links it to its name. Unlike a rename, a link does
// not replace an existing file.
func createWhole(path string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: %w", path, fs.ErrExist)
	} else if err != nil {
		return err
	}
	return nil
}

// ReadKeysetFile reads the key set in a file.
func ReadKeysetFile(path string) (k *Keyset, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the key set: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text, err := io.ReadAll(io.LimitReader(f, maxKeyset+1))
	if err != nil {
		return nil, fmt.Errorf("read the key set: %w", err)
	}
	if len(text) > maxKeyset {
		return nil, fmt.Errorf("%s: %w", path, errNotKeyset)
	}
	if k, err = ParseKeyset(text); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

// RotateKeysetFile adds a new primary key to the key set in a file. It replaces the file
// atomically, with the same owner and permissions. Of two concurrent rotations one is
// rejected: secrets sealed with a lost key could never be opened again.
func RotateKeysetFile(path string) (*Keyset, error) {
	k, err := rotateFile(path, path+".new")
	if err != nil {
		return nil, err
	}
	return k, synced(path)
}

// rotateFile writes the rotated key set to next and moves that to path.
func rotateFile(path, next string) (k *Keyset, err error) {
	// The process that creates the file owns the rotation.
	if err := claim(next); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("another process is rotating the key set, "+
				"or a rotation was killed; in the latter case remove the file: %w", err)
		}
		return nil, fmt.Errorf("rotate the key set: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(next))
		}
	}()
	old, err := ReadKeysetFile(path)
	if err != nil {
		return nil, err
	}
	if k, err = old.Rotated(); err != nil {
		return nil, err
	}
	text, err := k.JSON()
	if err != nil {
		return nil, err
	}
	if err := overwrite(next, text); err != nil {
		return nil, fmt.Errorf("rotate the key set: %w", err)
	}
	if err := sameAccess(path, next); err != nil {
		return nil, fmt.Errorf("rotate the key set: %w", err)
	}
	if err := os.Rename(next, path); err != nil {
		return nil, fmt.Errorf("rotate the key set: %w", err)
	}
	return k, nil
}

// claim creates an empty file, which must not exist.
func claim(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// overwrite writes text durably: it survives a power failure.
func overwrite(path string, text []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(text); err != nil {
		return err
	}
	return f.Sync()
}

// synced makes the name of a new file durable.
func synced(path string) error {
	if err := atomicfile.SyncFolder(path); err != nil {
		return fmt.Errorf("sync the folder: %w", err)
	}
	return nil
}
