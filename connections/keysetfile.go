package connections

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxKeyset bounds the file of a key set, in bytes: thousands of keys.
const maxKeyset = 1 << 20

// CreateKeysetFile makes a key set in a new file that its owner alone may read. The file
// is there as a whole or not at all. The error is fs.ErrExist if there is one already.
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
	return k, syncFolder(path)
}

// createWhole writes beside the file and gives it its name afterwards. A link does not
// replace a file that is there, as a renaming would.
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

// RotateKeysetFile adds a new primary key to the key set in a file. The file is replaced
// at once or not at all, with the same owner and permissions. Of two rotations at the
// same time one is refused: a key that was lost could never open again what was sealed
// with it in between.
func RotateKeysetFile(path string) (*Keyset, error) {
	k, err := rotateFile(path, path+".new")
	if err != nil {
		return nil, err
	}
	return k, syncFolder(path)
}

// rotateFile writes the rotated key set to next and moves that to path.
func rotateFile(path, next string) (k *Keyset, err error) {
	// Whoever has made the file is the one who rotates.
	if err := claim(next); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("the key set is being rotated by somebody else, "+
				"or a rotation was killed, in which case remove the file: %w", err)
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

// claim makes an empty file that must not exist yet.
func claim(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// overwrite writes text so that it is there after a loss of power too.
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

// syncFolder makes the name of a new file last.
func syncFolder(path string) (err error) {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("sync the folder: %w", err)
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	if err := folder.Sync(); err != nil {
		return fmt.Errorf("sync the folder: %w", err)
	}
	return nil
}
