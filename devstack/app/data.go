package app

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/internal/migration"
)

// defaultDataDir is where `up` keeps everything unless told otherwise. The commands of
// `sluice` look for the key set there.
func defaultDataDir() (string, error) {
	dir, err := config.EmbeddedData()
	if err != nil {
		return "", fmt.Errorf("%w; set one with --data", err)
	}
	return dir, nil
}

// adviseOnData adds to an error about an embedded database of an older commit the command that removes the
// data folder.
func adviseOnData(err error, dir string) error {
	var unsupported *migration.UnsupportedError
	if !errors.As(err, &unsupported) || !unsupported.Older() {
		return err
	}
	return fmt.Errorf("%w\nor begin again with an empty data folder: rm -rf %s", err, shellQuote(dir))
}

// shellQuote quotes a word for a POSIX shell.
func shellQuote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }
