package app

import (
	"fmt"

	"github.com/sluicehq/sluice/config"
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
