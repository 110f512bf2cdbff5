package config

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Load returns the defaults, overridden by the file (none if path is empty) and
// then by the environment, given as KEY=value. The caller applies flags and then calls
// Validate. The error reports all errors of the file, with line and column, or of the
// environment. It never quotes a value, which may be a password.
func Load(path string, environ []string) (Config, error) {
	c := Default()
	if path != "" {
		text, err := readConfigFile(path)
		if err != nil {
			return Config{}, err
		}
		if err := c.readYAML(path, text); err != nil {
			return Config{}, err
		}
	}
	if err := c.readEnvironment(environ); err != nil {
		return Config{}, err
	}
	return c, nil
}

// maxFile bounds the configuration file and files named by variables, in bytes.
const maxFile = 1 << 20

var errTooLarge = fmt.Errorf("the file is larger than %d bytes", maxFile)

func readConfigFile(path string) ([]byte, error) {
	text, err := readBounded(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration file: %w", err)
	}
	return text, nil
}

// readBounded reads a small file.
func readBounded(path string) (text []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text, err = io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		return nil, fmt.Errorf("%s: %w", path, errTooLarge)
	}
	return text, err
}
