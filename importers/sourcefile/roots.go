package sourcefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// ErrOutside means that a path, or one of its symbolic links, leads out of the Opener's roots. It
// is permanent.
var ErrOutside = errors.New("lies outside the folders that files may be read from")

// maxLinks is the maximum number of symbolic links in a path, as on Linux.
const maxLinks = 40

// root is a folder below which files may be opened.
type root struct {
	*os.Root
	// names are the absolute paths of the folder: as it was given, and without symbolic links.
	names []string
}

// below returns the path relative to the root, if its text lies below the root.
func (r root) below(path string) (string, bool) {
	for _, name := range r.names {
		rel, err := filepath.Rel(name, path)
		if err == nil && filepath.IsLocal(rel) {
			return rel, true
		}
	}
	return "", false
}

// within calls use with the root that a path leads to and the path relative to it, once symbolic
// links are resolved. It accesses nothing outside the roots, so that no error reveals what exists
// there. The root refuses a path that changes afterwards and leads out.
func (o *Opener) within(path string, use func(in *os.Root, rel string) error) (err error) {
	roots, err := openRoots(o.Roots)
	defer func() {
		for _, r := range roots {
			err = errors.Join(err, r.Close())
		}
	}()
	if err != nil {
		return err
	}
	for links := 0; ; links++ {
		at := slices.IndexFunc(roots, func(r root) bool { _, below := r.below(path); return below })
		if at < 0 {
			return o.outside()
		}
		rel, _ := roots[at].below(path)
		next, err := roots[at].follow(rel)
		switch {
		case err != nil:
			return err
		case next == "":
			err := use(roots[at].Root, rel)
			if escaped(err) {
				return o.outside()
			}
			return err
		case links == maxLinks:
			return fmt.Errorf("resolve symbolic links: %w", syscall.ELOOP)
		default:
			path = next
		}
	}
}

// follow returns the absolute path that the first symbolic link of a relative path leads to, with
// the rest of the path; "" if there is no link.
func (r root) follow(rel string) (string, error) {
	elements := strings.Split(rel, string(filepath.Separator))
	for i := range elements {
		at := filepath.Join(elements[:i+1]...)
		info, err := r.Lstat(at)
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			continue
		}
		target, err := r.Readlink(at)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(r.names[len(r.names)-1], filepath.Dir(at), target)
		}
		return filepath.Join(append([]string{target}, elements[i+1:]...)...), nil
	}
	return "", nil
}

// openRoots opens the folders that exist.
func openRoots(folders []string) ([]root, error) {
	var all []root
	for _, folder := range folders {
		folder = filepath.Clean(folder)
		resolved, err := filepath.EvalSymlinks(folder)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return all, fmt.Errorf("open the folder %s: %w", folder, err)
		}
		opened, err := os.OpenRoot(resolved)
		if err != nil {
			return all, fmt.Errorf("open the folder %s: %w", folder, err)
		}
		all = append(all, root{Root: opened, names: []string{folder, resolved}})
	}
	return all, nil
}

// escaped reports whether a root has refused a path that leads out of it. The standard library
// has no exported error for it.
func escaped(err error) bool {
	var path *fs.PathError
	return errors.As(err, &path) && path.Err.Error() == "path escapes from parent"
}

func (o *Opener) outside() error {
	if len(o.Roots) == 0 {
		return fmt.Errorf("%w: no folder is allowed", ErrOutside)
	}
	return fmt.Errorf("%w: want a path below %s", ErrOutside, strings.Join(o.Roots, " or "))
}
