package flow

import (
	"errors"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
)

// scope evaluates the expressions of one event, one after the other. It is not safe for concurrent use.
type scope struct {
	// env is a metered event: an interface once, instead of for each expression.
	env     any
	meter   meter
	machine vm.VM
}

func newScope(env Env) *scope {
	s := &scope{}
	m := &s.meter
	s.env = metered{Env: env, Charge: m.charge, Step: m.step, Call: m.call, Pattern: m.pattern}
	return s
}

// run runs an expression of one event alone.
func run(program *vm.Program, env Env) (any, error) { return newScope(env).run(program) }

// run runs an expression. The meter bounds the memory that it may take.
func (s *scope) run(program *vm.Program) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("the expression cannot be evaluated")
		}
	}()
	s.meter = meter{}
	result, err = s.machine.Run(program, s.env)
	if err != nil {
		// The rest of it repeats the expression.
		if wrong, ok := errors.AsType[*file.Error](err); ok {
			if wrong.Message == "memory budget exceeded" {
				return nil, errElements
			}
			return nil, errors.New(firstLine(wrong.Message))
		}
		return nil, errors.New(firstLine(err.Error()))
	}
	return result, nil
}
