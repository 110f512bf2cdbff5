package config

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Connections configures the encryption of the secrets of connections, and the addresses
// that connections may dial. Everything except secrets works without a key set.
type Connections struct {
	// Keyset is the key set as text, as written by `sluice keyset create`. Defaults to the
	// content of KeysetFile.
	Keyset string `yaml:"keyset"`
	// KeysetFile is a file with the key set. Defaults to the embedded stack's.
	KeysetFile string `yaml:"keyset_file"`
	// Addresses lists the addresses that connections may dial: KIND=ADDRESSES, separated by
	// commas, where ADDRESSES is public, private, loopback, any, a network such as
	// 10.0.0.0/8, or several joined by "+". Omitted kinds have their defaults: public for
	// google_analytics_4, webhook and the kinds that a program adds, any for the others.
	Addresses string `yaml:"addresses"`
	// Cleartext lists the ADDRESSES to which secrets may be sent without TLS, in addition
	// to loopback. Defaults to none.
	Cleartext string `yaml:"cleartext"`
	// Kinds are the names of the kinds of connections that the program knows. The program sets
	// them before Validate; neither a file nor a variable does. Defaults to Sluice's own kinds,
	// which are always known.
	Kinds []string `yaml:"-"`
}

// EmbeddedKeyset is the name of the embedded stack's key set in its data folder.
const EmbeddedKeyset = "keyset.json"

// EmbeddedData returns the default data folder of the embedded stack (`sluice-dev up`): the
// value of SLUICE_DEV_DATA, for root on Linux /var/lib/sluice-dev, otherwise sluice-dev in
// $XDG_DATA_HOME or ~/.local/share. It returns an error if there is no home directory.
func EmbeddedData() (string, error) {
	if dir := os.Getenv("SLUICE_DEV_DATA"); dir != "" {
		return dir, nil
	}
	// PostgreSQL's account cannot access root's home directory.
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

// File returns the path of the key set's file: the setting, or the embedded stack's file, or
// "" without a home directory.
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
