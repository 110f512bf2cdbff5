package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// secretSource is the place that a secret is read from.
type secretSource struct {
	name string
	from secretOrigin
	// where is the name of the variable or the path.
	where string
}

type secretOrigin int

const (
	fromVariable secretOrigin = iota
	fromFile
	fromInput
)

// secretForms lists the forms of --secret.
func secretForms(name string) string {
	return fmt.Sprintf("%s=env:VARIABLE, %s=file:PATH or %s=- for standard input", name, name, name)
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// parseSecrets parses the values of --secret. Its errors repeat only known names: any other text may
// be the secret itself.
func parseSecrets(flags, known []string) ([]secretSource, error) {
	if len(flags) > 0 && len(known) == 0 {
		return nil, errors.New("--secret: connections of this kind have no secrets")
	}
	var sources []secretSource
	for _, flag := range flags {
		name, value, _ := strings.Cut(flag, "=")
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("--secret: want %s, where NAME is one of %s", secretForms("NAME"), strings.Join(known, ", "))
		}
		source := secretSource{name: name}
		variable, isVariable := strings.CutPrefix(value, "env:")
		path, isFile := strings.CutPrefix(value, "file:")
		switch {
		case isVariable && variableName.MatchString(variable):
			source.from, source.where = fromVariable, variable
		case isFile && path != "":
			source.from, source.where = fromFile, path
		case value == "-":
			source.from = fromInput
		default:
			return nil, fmt.Errorf("--secret %s: secrets are not accepted on the command line, where other users and the "+
				"shell's history can see them: want %s", name, secretForms(name))
		}
		for _, s := range sources {
			if s.name == name {
				return nil, fmt.Errorf("--secret %s is given twice", name)
			}
			if s.from == fromInput && source.from == fromInput {
				return nil, fmt.Errorf("--secret %s and --secret %s both read standard input: use a file for one of them",
					s.name, name)
			}
		}
		sources = append(sources, source)
	}
	return sources, nil
}

// readSecrets reads the secrets. Errors do not name the variable or path: by mistake that may be the
// secret.
func readSecrets(c *cli.Context, sources []secretSource) (map[string]string, error) {
	secrets := make(map[string]string, len(sources))
	var faults []error
	for _, s := range sources {
		value, err := readSecret(c, s)
		if err == nil && value == "" {
			err = errors.New("the value is empty")
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("--secret %s: %w", s.name, err))
		}
		secrets[s.name] = value
	}
	return secrets, errors.Join(faults...)
}

func readSecret(c *cli.Context, s secretSource) (string, error) {
	if s.from == fromVariable {
		// The last entry wins, as in os/exec.
		for _, entry := range slices.Backward(environ(c)) {
			if value, ok := strings.CutPrefix(entry, s.where+"="); ok {
				return value, nil
			}
		}
		return "", errors.New("the variable is not set")
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(c.App.Reader), nil }
	if s.from == fromFile {
		open = func() (io.ReadCloser, error) { return os.Open(s.where) }
	}
	data, err := readBounded(open)
	if file, ok := errors.AsType[*os.PathError](err); ok {
		return "", fmt.Errorf("read file: %w", file.Err)
	}
	if err != nil {
		return "", err
	}
	text := strings.TrimSuffix(string(data), "\n")
	return strings.TrimSuffix(text, "\r"), nil
}

var settingName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// parseSettings merges the values of a flag, such as --set, into those of --settings and returns a JSON object.
// The flag overrides --settings. Errors never repeat values. A secret among the settings, which are stored in
// clear, is an error.
func parseSettings(flag string, base json.RawMessage, sets, secrets []string) (json.RawMessage, error) {
	settings := map[string]json.RawMessage{}
	if len(base) > 0 {
		if err := json.Unmarshal(base, &settings); err != nil || settings == nil {
			return nil, errors.New("--settings is not a JSON object: want an object such as '{\"name\": \"value\"}'")
		}
	}
	seen := map[string]bool{}
	for _, set := range sets {
		name, text, ok := strings.Cut(set, "=")
		name, isJSON := strings.CutSuffix(name, ":")
		if !ok || !settingName.MatchString(name) {
			return nil, fmt.Errorf("%s: want KEY=TEXT, or KEY:=JSON for values other than text", flag)
		}
		if seen[name] {
			return nil, fmt.Errorf("%s %s is given twice", flag, name)
		}
		seen[name] = true
		value := json.RawMessage(text)
		if !isJSON {
			encoded, err := json.Marshal(text)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", flag, name, err)
			}
			value = encoded
		} else if !json.Valid(value) {
			return nil, fmt.Errorf("%s %s: the value after := is not JSON", flag, name)
		}
		settings[name] = value
	}
	for _, name := range secrets {
		if _, given := settings[name]; given {
			return nil, fmt.Errorf("%s is a secret, not a setting: want --secret %s", name, secretForms(name))
		}
	}
	encoded, err := json.Marshal(settings)
	if err != nil {
		return nil, fmt.Errorf("encode the settings: %w", err)
	}
	return encoded, nil
}
