package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/caarlos0/env/v11"
	"github.com/goccy/go-yaml"
)

// EnvPrefix begins the name of every environment variable: SLUICE_STORE_DSN is
// store.dsn in the file.
const EnvPrefix = "SLUICE_"

// fileSuffix lets every variable be read from a file instead: SLUICE_STORE_DSN_FILE
// names one that holds the DSN. It is how secrets get in without being seen in
// process listings.
const fileSuffix = "_FILE"

// Load returns the defaults, overridden by the file (none if path is empty) and
// then by the environment, given as KEY=value. Flags are the caller's to apply;
// so is Validate, after them.
func Load(path string, environ []string) (Config, error) {
	c := Default()
	if path != "" {
		if err := c.readFile(path); err != nil {
			return Config{}, err
		}
	}
	variables, err := variables(environ)
	if err != nil {
		return Config{}, err
	}
	if err := env.ParseWithOptions(&c, env.Options{Environment: variables, Prefix: EnvPrefix}); err != nil {
		return Config{}, envError(err)
	}
	return c, nil
}

func (c *Config) readFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open the configuration file: %w", err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	err = yaml.NewDecoder(f, yaml.Strict()).Decode(c)
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	// The decoder's own text quotes the lines around a fault, which may hold a
	// password; its short form has the position and the fault alone.
	var syntax yaml.Error
	if errors.As(err, &syntax) {
		at := syntax.GetToken().Position
		return fmt.Errorf("%s:%d:%d: %s", path, at.Line, at.Column, syntax.GetMessage())
	}
	return fmt.Errorf("%s: %w", path, err)
}

// variables returns Sluice's environment variables, with those that name a file
// replaced by what the file holds.
func variables(environ []string) (map[string]string, error) {
	all := map[string]string{}
	var faults []error
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, EnvPrefix) || value == "" {
			continue
		}
		target, fromFile := strings.CutSuffix(name, fileSuffix)
		if !fromFile || isSetting(name) {
			if _, twice := all[name]; twice {
				faults = append(faults, fmt.Errorf("%s and %s%s are both set: use one", name, name, fileSuffix))
			}
			all[name] = value
			continue
		}
		text, err := os.ReadFile(value)
		if err != nil {
			faults = append(faults, fmt.Errorf("read the file that %s names: %w", name, err))
			continue
		}
		if _, twice := all[target]; twice {
			faults = append(faults, fmt.Errorf("%s and %s are both set: use one", target, name))
		}
		all[target] = strings.TrimRight(string(text), "\r\n")
	}
	return all, errors.Join(faults...)
}

// isSetting says whether the variable is a setting of its own although it ends in
// _FILE, such as SLUICE_WAREHOUSE_CA_FILE.
func isSetting(name string) bool {
	params, err := env.GetFieldParamsWithOptions(&Config{}, env.Options{Prefix: EnvPrefix})
	if err != nil {
		return false
	}
	for _, p := range params {
		if p.Key == name {
			return true
		}
	}
	return false
}

// envError rewords the parser's errors so that they name the variable and never
// its value.
func envError(err error) error {
	var all env.AggregateError
	if !errors.As(err, &all) {
		return err
	}
	var faults []error
	for _, one := range all.Errors {
		var parse env.ParseError
		if errors.As(one, &parse) {
			faults = append(faults, fmt.Errorf("environment: %s%s does not hold a %s", EnvPrefix, variableOf(parse.Name), parse.Type))
			continue
		}
		faults = append(faults, fmt.Errorf("environment: %w", one))
	}
	return errors.Join(faults...)
}

// variableOf finds the variable, without its prefix, behind a field's name.
func variableOf(field string) string {
	params, err := env.GetFieldParamsWithOptions(&Config{}, env.Options{})
	if err != nil {
		return field
	}
	for _, p := range params {
		if strings.HasSuffix(strings.ReplaceAll(p.Key, "_", ""), strings.ToUpper(field)) {
			return p.Key
		}
	}
	return field
}
