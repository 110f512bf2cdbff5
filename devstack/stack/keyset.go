package stack

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
)

// keysetFile is where the key set of the stack's connections is.
func (s *Stack) keysetFile() string { return filepath.Join(s.cfg.DataDir, config.EmbeddedKeyset) }

// ensureKeyset makes the key set at the first start, so that connections work without
// any set-up. It is kept with the data: without it their secrets are lost.
func (s *Stack) ensureKeyset() error {
	_, err := connections.CreateKeysetFile(s.keysetFile())
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}
