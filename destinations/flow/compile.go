package flow

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/registry"
)

// Program is a set of flows, ready to be run. It is safe for concurrent use.
type Program struct {
	rules []rule
}

// rule is a flow that was compiled.
type rule struct {
	Flow
	source, event, importer *regexp.Regexp
	when                    *vm.Program
	steps                   []step
	// fault is why the flow cannot be used, nil if it can.
	fault error
}

// step is a step that was compiled.
type step struct {
	Step
	// destination and action are nil if this process does not have them.
	destination   destinations.Destination
	action        destinations.Action
	when          *vm.Program
	data, context mapping
}

// Compile checks flows and makes them ready to be run. It reports every fault at once, with
// file:line:column for flows that come from a file. Flows that are disabled are checked, too. It
// refuses mappings that no event can satisfy: see destinations.WithData.
func Compile(known *destinations.Registry, flows []Flow) (*Program, error) {
	return CompileOffered(known, nil, flows)
}

// CompileOffered is Compile with destinations that this process does not have: offered has the actions
// of destinations that other processes offer. Their jobs are unprepared: see
// destinations.UnpreparedJob. Versions and mappings for them are checked when the job is prepared.
func CompileOffered(
	known *destinations.Registry, offered map[string][]string, flows []Flow,
) (*Program, error) {
	p, c := &Program{}, &compiler{registry: known, offered: offered, strict: true}
	seen := map[string]bool{}
	for i := range flows {
		f := &flows[i]
		switch {
		case !validName.MatchString(f.Name):
			c.fault(f, "name", "the name %q: want a lower-case letter, then up to 49 letters, digits, dashes and underscores",
				f.Name)
		case seen[f.Name]:
			c.fault(f, "name", "there is a flow %s already", f.Name)
		}
		seen[f.Name] = true
		p.rules = append(p.rules, c.rule(f))
	}
	if err := errors.Join(c.faults...); err != nil {
		return nil, err
	}
	return p, nil
}

// CompileEach makes flows ready to be run that are in force: a faulty one does not keep the
// others from their events. What is wrong with it is what Decide decides about its events, and
// Faults returns it. A destination that this process does not have is not a fault, as a worker that
// has it may start later: its jobs are unprepared. A mapping that no event can satisfy is not a fault of
// the flow, as it fails only for the events that reach it.
func CompileEach(known *destinations.Registry, flows []Flow) *Program {
	p := &Program{}
	for i := range flows {
		c := &compiler{registry: known}
		r := c.rule(&flows[i])
		r.fault = destinations.Join(c.faults...)
		if flows[i].unreadable != nil {
			r.fault = flows[i].unreadable
		}
		p.rules = append(p.rules, r)
	}
	return p
}

// Faults returns what is wrong with faulty flows, by their names.
func (p *Program) Faults() map[string]error {
	faults := map[string]error{}
	for i := range p.rules {
		if r := &p.rules[i]; r.fault != nil {
			faults[r.Name] = r.fault
		}
	}
	return faults
}

// Only returns the program of one flow, nil if there is no flow of that name.
func (p *Program) Only(name string) *Program {
	if p == nil {
		return nil
	}
	for i := range p.rules {
		if p.rules[i].Name == name {
			return &Program{rules: p.rules[i : i+1]}
		}
	}
	return nil
}

// compiler collects faults.
type compiler struct {
	registry *destinations.Registry
	offered  map[string][]string
	// strict refuses destinations that are neither registered nor offered, and mappings that no event can satisfy.
	strict bool
	faults []error
}

func (c *compiler) fault(f *Flow, path, format string, args ...any) {
	c.faults = append(c.faults, fmt.Errorf("%s: %s", f.place(path), fmt.Sprintf(format, args...)))
}

func (c *compiler) rule(f *Flow) rule {
	r := rule{
		Flow: *f, source: pattern(f.Source), event: pattern(f.Event), importer: pattern(f.Import),
		when: c.condition(f, "when", f.When),
	}
	c.origin(f, r)
	if len(f.To) == 0 || len(f.To) > MaxSteps {
		c.fault(f, "to", "there are %d actions: want 1 to %d", len(f.To), MaxSteps)
	}
	for i, s := range f.To {
		path := element("to", i)
		compiled := step{Step: s, when: c.condition(f, path+".when", s.When)}
		var err error
		before := len(c.faults)
		if compiled.destination, err = c.registry.Lookup(s.Destination); err != nil {
			c.offeredElsewhere(f, path, s)
		} else if compiled.action, err = destinations.ActionOf(compiled.destination, s.Action); err != nil {
			c.fault(f, path+".action", "%s", err)
		} else if _, err = (&destinations.Versions{}).Resolve(compiled.destination, s.Version); err != nil {
			c.fault(f, path+".version", "%s", err)
		}
		named := compiled.destination != nil && len(c.faults) == before
		var known any
		if compiled.data, known = c.mapping(f, path+".data", s.Data); named {
			c.check(f, path+".data", compiled, known)
		}
		compiled.context, _ = c.mapping(f, path+".context", s.Context)
		r.steps = append(r.steps, compiled)
	}
	return r
}

// offeredElsewhere checks the names of a step whose destination is not registered.
func (c *compiler) offeredElsewhere(f *Flow, path string, s Step) {
	actions, offered := c.offered[s.Destination]
	switch {
	case !registry.ValidName.MatchString(s.Destination) || c.strict && !offered:
		valid := slices.Sorted(maps.Keys(c.offered))
		valid = slices.Compact(slices.Sorted(slices.Values(append(valid, c.registry.Names()...))))
		c.fault(f, path+".destination", "%s", registry.Unknown("destination", s.Destination, valid))
	case !registry.ValidName.MatchString(s.Action) || c.strict && !slices.Contains(actions, s.Action):
		c.fault(f, path+".action", "%s: %s", s.Destination, registry.Unknown("action", s.Action, actions))
	case len(s.Version) > maxVersion:
		c.fault(f, path+".version", "the version has %d bytes: want at most %d", len(s.Version), maxVersion)
	}
}

// pattern returns what a pattern matches.
func pattern(text string) *regexp.Regexp {
	quoted := regexp.QuoteMeta(cmp.Or(text, "*"))
	return regexp.MustCompile("(?s)^" + strings.ReplaceAll(quoted, `\*`, ".*") + "$")
}

// condition compiles an expression that is true or false; none is nil.
func (c *compiler) condition(f *Flow, path, text string) *vm.Program {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	return c.expression(f, path, text, expr.AsBool())
}

// expression compiles an expression, and notes what is wrong with it where it stands.
func (c *compiler) expression(f *Flow, path, text string, more ...expr.Option) *vm.Program {
	if len(text) > MaxExpression {
		c.fault(f, path, "the expression has %d bytes: want at most %d", len(text), MaxExpression)
		return nil
	}
	program, err := compileGuarded(text, more)
	if err == nil {
		return program
	}
	var wrong *file.Error
	if !errors.As(err, &wrong) {
		c.fault(f, path, "%s", firstLine(err.Error()))
		return nil
	}
	place := f.place(path)
	if f.origin != nil {
		place = f.origin.inside(f.path+"."+path, text, wrong.Line, wrong.Column)
	}
	c.faults = append(c.faults, fmt.Errorf("%s: %s", place, firstLine(wrong.Message)))
	return nil
}

// compileGuarded compiles an expression and recovers panics: the compiler is a library, and its
// input is untrusted.
func compileGuarded(text string, options []expr.Option) (program *vm.Program, err error) {
	defer func() {
		if p := recover(); p != nil {
			program, err = nil, errors.New("the expression cannot be understood")
		}
	}()
	// Types are checked as the expression stands: behind the meter they are unknown.
	if _, err := expr.Compile(text, append(options, expr.Env(Env{}))...); err != nil {
		return nil, err
	}
	return expr.Compile(text, expr.Env(metered{}), expr.Patch(metering{}))
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// element is the path of an element of a list.
func element(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
