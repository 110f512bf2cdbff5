package config

import (
	"errors"
	"fmt"
	"strings"
)

// fileSuffix lets every variable be read from a file instead: SLUICE_STORE_DSN_FILE
// names one that holds the DSN. It is how secrets get in without being seen in
// process listings.
const fileSuffix = "_FILE"

// readEnvironment applies the variables that are settings. Others are left alone,
// though they begin with the prefix: orchestrators make some up from the names of
// services. An empty variable counts as unset.
func (c *Config) readEnvironment(environ []string) error {
	variables := make(map[string]string, len(environ))
	for _, entry := range environ {
		// As everywhere, the last one wins.
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
			// The variable is a setting itself: whoever uses it reads the file.
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
			// Editors end files with a line end; it is no part of a password.
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
