// Package flow has the rules by which events become jobs: which events, under what
// condition, for which actions, and what of an event each action is given.
//
// Rules are written in YAML, or as values of Flow in Go. Conditions and mappings are
// expressions of github.com/expr-lang/expr over the fields of Env. Everything is checked
// when it is compiled: names of destinations, actions and fields, and the types of
// expressions as far as they can be known. What an event holds is known only when it comes.
package flow

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/sluicehq/sluice/internal/inbound"
)

// Flow is a rule. Its zero value is not fit for use.
type Flow struct {
	// Name is its key: a lower-case letter, then up to 49 letters, digits, dashes and
	// underscores.
	Name string `json:"name"`
	// Description is for people.
	Description string `json:"description,omitempty"`
	// Disabled keeps the flow from doing anything.
	Disabled bool `json:"disabled,omitempty"`
	// Source and Event are patterns for where an event comes from and what it is called;
	// * stands for any text. Default to any.
	Source string `json:"source,omitempty"`
	Event  string `json:"event,omitempty"`
	// Import is a pattern for the name of an importer, and makes it a flow about imports:
	// about how they end, of which Event then names some, or about what they have brought
	// in. Source is not for such a flow. Defaults to none: a flow about events, which hears
	// nothing of imports.
	Import string `json:"import,omitempty"`
	// Records makes a flow about imports one about the rows that completed imports have
	// loaded, each of them an event, instead of one about their ends. Event is not for it.
	Records bool `json:"records,omitempty"`
	// When is a condition. Defaults to true.
	When string `json:"when,omitempty"`
	// To are the actions that the event is for, at least one.
	To []Step `json:"to"`

	// what begins the places in errors of mappings that belong to no flow.
	what string
	// origin is where it stands in a file; nil for flows made in Go.
	origin *origin
	// path is where it stands in the origin.
	path string
	// unreadable is why its specification cannot be read, nil if it can.
	unreadable error
}

// Read reads a flow that is stored as JSON. One that has fields of another version of the
// program is faulty, and taken for one about all events from outside.
func Read(name string, spec []byte) Flow {
	var f Flow
	if err := inbound.Decode(inbound.Subject{Object: "the flow", Field: "field"}, spec, &f); err != nil {
		return Flow{Name: name, unreadable: err}
	}
	return f
}

// Step is one action of a flow.
type Step struct {
	// Destination and Action name it.
	Destination string `json:"destination"`
	Action      string `json:"action"`
	// Version is that of the job. Defaults to the event's.
	Version string `json:"version,omitempty"`
	// When is a further condition. Defaults to true.
	When string `json:"when,omitempty"`
	// Data is what the action is given for the event's data: text is an expression, objects
	// and lists hold more of them, and everything else stands for itself. Defaults to the
	// event's data as they are.
	Data map[string]any `json:"data,omitempty"`
	// Context is the same for the event's context.
	Context map[string]any `json:"context,omitempty"`
}

// Env is what expressions see of an event.
type Env struct {
	ID      string `expr:"id"`
	Source  string `expr:"source"`
	Name    string `expr:"name"`
	Version string `expr:"version"`
	// Context and Data are the event's JSON. Whole numbers are of type int, others float.
	Context map[string]any `expr:"context"`
	Data    map[string]any `expr:"data"`
	// SentAt is zero if the source does not say when it happened.
	SentAt     time.Time `expr:"sent_at"`
	ReceivedAt time.Time `expr:"received_at"`
}

// Limits of flows.
const (
	// MaxFile is how many bytes a file can have.
	MaxFile = 1 << 20
	// MaxFlows is how many flows there can be.
	MaxFlows = 1000
	// MaxSteps is how many actions a flow can have.
	MaxSteps = 100
	// MaxExpression is how many bytes an expression can have.
	MaxExpression = 4096
	// maxVersion is how many bytes the version of a job can have.
	maxVersion = 100
	// maxDepth is how deep a mapping can be.
	maxDepth = 20
)

var validName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,49}$`)

// ErrNoObject means that an event's data or context is not a JSON object.
var ErrNoObject = errors.New("not a JSON object")

// place returns where something stands, for the beginning of an error.
func (f *Flow) place(path string) string {
	if f.origin == nil {
		return fmt.Sprintf("%s: %s", cmp.Or(f.what, "flow "+f.Name), path)
	}
	return f.origin.place(f.path + "." + path)
}

// placeOfName returns where the name of a field stands.
func (f *Flow) placeOfName(path string) string {
	if f.origin != nil {
		if p, known := f.origin.names[f.path+"."+path]; known {
			return f.origin.write(p)
		}
	}
	return f.place(path)
}
