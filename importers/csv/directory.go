package csv

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// addDirectory adds the files of a directory. It does not go into directories
// below: what lies there was perhaps put aside.
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
		// Stat follows symbolic links, with which volumes are often made up.
		info, err := c.files.Stat(ctx, path)
		_, isText := trimExtension(entry.Name())
		switch {
		case err != nil:
			faults.add(fmt.Errorf("%s: %w", path, fileFault(err)))
		case info.IsDir():
			f.ignore("%s is a sub-directory and was not searched: name it too if it holds files to import", path)
		case isText && !info.Mode().IsRegular():
			f.ignore("%s was ignored: it is not a regular file", path)
		case !isText:
			f.ignore("%s", ignored(path, "a directory, only .csv and .csv.gz files"))
		default:
			f.addFile(path, info, faults)
		}
	}
}

// isHidden says whether a name is one that systems leave lying about, such as
// .DS_Store or the folder of resource forks in archives made by macOS.
func isHidden(name string) bool {
	return strings.HasPrefix(name, ".") || name == "__MACOSX"
}
