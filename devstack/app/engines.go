package app

import (
	"maps"

	"github.com/sluicehq/sluice/devstack/engines"
	"github.com/sluicehq/sluice/devstack/stack"
)

// engineEnv finds both engines, so that a missing one is reported before
// anything is started, and returns where they are: the components then need
// not search, nor do the programs that `exec` runs.
func engineEnv() (map[string]string, error) {
	lib, err := engines.LibCHDB("")
	if err != nil {
		return nil, err
	}
	bin, err := engines.PostgresBin("")
	if err != nil {
		return nil, err
	}
	return map[string]string{engines.EnvLibCHDB: lib, engines.EnvPostgresBin: bin}, nil
}

// exports are the variables of `exec`'s command: the stack's and the engines'.
func exports(s *stack.Stack, found map[string]string) map[string]string {
	env := s.Env()
	maps.Copy(env, found)
	return env
}
