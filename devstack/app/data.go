package app

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// defaultDataDir is where `up` keeps everything unless told otherwise.
func defaultDataDir() (string, error) {
	// Root's home is closed to the account that PostgreSQL has to run as.
	if os.Geteuid() == 0 && runtime.GOOS == "linux" {
		return "/var/lib/sluice-dev", nil
	}
	if base := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "sluice-dev"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("choose data folder: %w; set one with --data", err)
	}
	return filepath.Join(home, ".local", "share", "sluice-dev"), nil
}
