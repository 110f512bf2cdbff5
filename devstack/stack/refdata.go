package stack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sluicehq/sluice/config"
)

// refdataFolder is the folder of the stack's reference data. `sluice` looks there by default.
func (s *Stack) refdataFolder() string { return filepath.Join(s.cfg.DataDir, config.EmbeddedRefdata) }

// ensureRefdata makes the folder of reference data, in which `sluice refdata update` keeps lists, and links the npm
// packages into it. A folder node_modules of the user's own stays.
func (s *Stack) ensureRefdata() error {
	folder := s.refdataFolder()
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // Like the data folder; the lists are public.
		return fmt.Errorf("make the folder of reference data: %w", err)
	}
	if s.cfg.RefdataModules == "" {
		return nil
	}
	link := filepath.Join(folder, "node_modules")
	info, err := os.Lstat(link)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("link the reference data: %w", err)
	case info.Mode()&fs.ModeSymlink == 0:
		return nil
	default:
		// The packages may have moved.
		if err := os.Remove(link); err != nil {
			return fmt.Errorf("link the reference data: %w", err)
		}
	}
	if err := os.Symlink(s.cfg.RefdataModules, link); err != nil {
		return fmt.Errorf("link the reference data: %w", err)
	}
	return nil
}
