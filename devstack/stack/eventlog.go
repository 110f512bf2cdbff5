package stack

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// eventLogTokenFile is where the token of the stack's event log is.
func (s *Stack) eventLogTokenFile() string { return filepath.Join(s.cfg.DataDir, "eventlog.token") }

// ensureEventLogToken makes the token at the first start: other users of the machine reach the event log's
// address too.
func (s *Stack) ensureEventLogToken() error {
	if s.cfg.Server == nil {
		return nil
	}
	f, err := os.OpenFile(s.eventLogTokenFile(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		_, err = f.WriteString(rand.Text() + "\n")
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("make the token of the event log: %w", err)
	}
	return nil
}
