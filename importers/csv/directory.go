package csv

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// addDirectory adds the files of a directory. It does not search sub-directories, which may contain
// old files.
func (c *Importer) addDirectory(ctx context.Context, dir string, f *found, faults *faults) {
	entries, err := c.files.ReadDir(ctx, dir)
	if err != nil {
		faults.add(fmt.Errorf("%s: %w", dir, fileFault(err)))
		return
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if isHidden(entry.Name()) {
			continue
		}
		// Stat follows symbolic links, which volumes of containers often contain.
		info, err := c.files.Stat(ctx, path)
		_, isText := trimExtension(entry.Name())
		switch {
		case err != nil:
			faults.add(fmt.Errorf("%s: %w", path, fileFault(err)))
		case info.IsDir():
			f.ignore("%s is a sub-directory and was not searched: name it too if it contains files to import", path)
		case isText && !info.Mode().IsRegular():
			f.ignore("%s was ignored: it is not a regular file", path)
		case !isText:
			f.ignore("%s", ignored(path, "a directory, only .csv and .csv.gz files"))
		default:
			f.addFile(path, info, faults)
		}
	}
}

// isHidden reports whether a name is one that operating systems leave behind, such as .DS_Store or
// the folder of resource forks in archives made by macOS.
func isHidden(name string) bool {
	return strings.HasPrefix(name, ".") || name == "__MACOSX"
}
