package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/sluicehq/sluice/devstack/stack"
)

// tempPrefix begins the names of `exec`'s temporary folders.
const tempPrefix = "sluice-dev-exec-"

// sweepAfter is the minimum age of a folder to sweep: a new folder may not be locked yet.
const sweepAfter = time.Minute

// sweep removes the temporary folders of runs that were killed with SIGKILL and
// so could not do it themselves. It is a courtesy: what it cannot remove stays.
func sweep(parent string, log *slog.Logger) {
	folders, err := filepath.Glob(filepath.Join(parent, tempPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range folders {
		info, err := os.Stat(dir)
		if err != nil || time.Since(info.ModTime()) < sweepAfter {
			continue
		}
		if free, err := stack.Abandoned(dir); err != nil || !free {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			log.Debug("left-over folder stays", "folder", dir, "error", err)
		}
	}
}
