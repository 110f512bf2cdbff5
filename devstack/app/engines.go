package app

import (
	"fmt"

	"github.com/sluicehq/sluice/devstack/engines"
	"github.com/sluicehq/sluice/devstack/stack"
)

// Variables that tell where the engines' files are. Set, they are used as they
// are; package engines has the whole order of search.
const (
	envLibCHDB     = "SLUICE_LIBCHDB"
	envPostgresBin = "SLUICE_POSTGRES_BIN"
)

func libCHDB() (string, error) {
	path, err := engines.LibCHDB("")
	if err != nil {
		return "", fmt.Errorf("%w: %w", errInstall, err)
	}
	return path, nil
}

func postgresBin() (string, error) {
	path, err := engines.PostgresBin("")
	if err != nil {
		return "", fmt.Errorf("%w: %w", errInstall, err)
	}
	return path, nil
}

// engineEnv finds both engines, so that a missing one is reported before
// anything is started, and returns where they are for programs that look for
// themselves.
func engineEnv() (map[string]string, error) {
	lib, err := libCHDB()
	if err != nil {
		return nil, err
	}
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	return map[string]string{envLibCHDB: lib, envPostgresBin: bin}, nil
}

// exportsTo adds the stack's variables to the engines' ones.
func exports(s *stack.Stack, found map[string]string) map[string]string {
	env := s.Env()
	for name, value := range found {
		env[name] = value
	}
	return env
}
