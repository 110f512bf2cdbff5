package config

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/sluicehq/sluice/connections"
)

// Connections configures how the secrets of connections are encrypted, and what connections
// may reach. Without a key set everything else works.
type Connections struct {
	// Keyset is the key set itself, as `sluice keyset create` writes it. Defaults to
	// what KeysetFile holds.
	Keyset string `yaml:"keyset"`
	// KeysetFile is a file with the key set. Defaults to the embedded stack's.
	KeysetFile string `yaml:"keyset_file"`
	// Addresses says which addresses connections may dial: KIND=ADDRESSES, separated by
	// commas, where ADDRESSES is public, private, loopback, any, a network such as
	// 10.0.0.0/8, or several with "+" between them. Kinds that are left out have their
	// defaults: public for google_analytics_4 and webhook, any for the others.
	Addresses string `yaml:"addresses"`
	// Cleartext is the ADDRESSES to which secrets may be sent without TLS, beside this
	// machine. Defaults to none.
	Cleartext string `yaml:"cleartext"`
}

// EmbeddedKeyset is the name of the embedded stack's key set in its data folder.
const EmbeddedKeyset = "keyset.json"

// EmbeddedData returns the folder in which the embedded stack (`sluice-dev up`) keeps
// everything unless told otherwise: what SLUICE_DEV_DATA says, for root on Linux
// /var/lib/sluice-dev, else sluice-dev in $XDG_DATA_HOME or ~/.local/share. The error is
// that there is no home.
func EmbeddedData() (string, error) {
	if dir := os.Getenv("SLUICE_DEV_DATA"); dir != "" {
		return dir, nil
	}
	// Root's home is closed to the account that PostgreSQL has to run as.
	if os.Geteuid() == 0 && runtime.GOOS == "linux" {
		return "/var/lib/sluice-dev", nil
	}
	if base := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "sluice-dev"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("choose data folder: %w", err)
	}
	return filepath.Join(home, ".local", "share", "sluice-dev"), nil
}

// File returns the path of the key set's file: the setting, or the embedded stack's, or
// "" where there is no home to look in.
func (c Connections) File() string {
	if c.KeysetFile != "" {
		return c.KeysetFile
	}
	dir, err := EmbeddedData()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, EmbeddedKeyset)
}

// Vault returns the settings as package connections takes them.
func (c Connections) Vault() connections.VaultConfig {
	if c.Keyset != "" {
		return connections.VaultConfig{Keyset: c.Keyset}
	}
	return connections.VaultConfig{KeysetFile: c.File()}
}
