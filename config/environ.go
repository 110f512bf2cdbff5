package config

import (
	"errors"
	"fmt"
	"strings"
)

// fileSuffix marks variables that name a file with the value: SLUICE_STORE_DSN_FILE names
// a file with the DSN. Secrets in files do not appear in process listings.
const fileSuffix = "_FILE"

// readEnvironment applies the variables of settings. It ignores other variables with the
// prefix, because orchestrators derive some from the names of services. An empty variable
// counts as unset.
func (c *Config) readEnvironment(environ []string) error {
	variables := make(map[string]string, len(environ))
	for _, entry := range environ {
		// The last of several values wins.
		name, value, _ := strings.Cut(entry, "=")
		variables[name] = value
	}
	var faults []error
	own := map[string]bool{}
	for s := range c.settings() {
		own[s.variable()] = true
	}
	for s := range c.settings() {
		text, fromFile := variables[s.variable()], variables[s.variable()+fileSuffix]
		if own[s.variable()+fileSuffix] {
			// The variable is itself a setting, and its user reads the file.
			fromFile = ""
		}
		if text != "" && fromFile != "" {
			faults = append(faults, fmt.Errorf("%s and %s%s are both set: use one", s.variable(), s.variable(), fileSuffix))
			continue
		}
		if fromFile != "" {
			content, err := readBounded(fromFile)
			if err != nil {
				faults = append(faults, fmt.Errorf("read the file that %s%s names: %w", s.variable(), fileSuffix, err))
				continue
			}
			// Editors add a trailing newline, which does not belong to a password.
			text = strings.TrimRight(string(content), "\r\n")
		}
		if text == "" {
			continue
		}
		if err := s.set(text); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", s.variable(), err))
		}
	}
	return errors.Join(faults...)
}
