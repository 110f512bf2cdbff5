package native

import (
	"fmt"
)

// Setting is a setting or a parameter of a query.
type Setting struct {
	Name, Value string
}

// Query is what a client asks for. Its data, if there are any, follow in
// packets of their own up to an empty block.
type Query struct {
	// ID is the client's name for the query, "" if it leaves that to us.
	ID string
	// Text is the query in SQL.
	Text string
	// Settings hold for this query alone.
	Settings []Setting
	// Parameters are the values of {name:Type} placeholders, in the same
	// notation as over HTTP.
	Parameters []Setting
	// Compressed tells that blocks are compressed, in both directions.
	Compressed bool
}

const (
	// flagCustom marks a value that is written as a literal.
	flagCustom = 2

	kindNone      = 0 // no information about the client follows
	interfaceTCP  = 1
	interfaceHTTP = 2
)

// ReadQuery reads the packet after its code, from a client of a revision from MinRevision to
// Revision.
func (r *Reader) ReadQuery() (q Query, err error) {
	fields := &fieldReader{source: r.raw}
	q.ID = fields.name("query id")
	fields.clientInfo()
	q.Settings = fields.settings("setting")
	fields.name("secret between servers")
	fields.number("stage")
	q.Compressed = fields.number("compression") != 0
	q.Text = fields.limited("query", maxText)
	q.Parameters = fields.settings("parameter")
	if fields.err != nil {
		return Query{}, fmt.Errorf("read query: %w", fields.err)
	}
	return q, nil
}

// clientInfo reads what a client tells about itself. Nothing of it is of use
// to us, but its length depends on what it says.
func (f *fieldReader) clientInfo() {
	if f.flag("kind of query") == kindNone {
		return
	}
	f.name("initial user")
	f.name("initial query id")
	f.name("initial address")
	f.ignore("start time", 8)
	via := f.flag("interface")
	switch via {
	case interfaceTCP:
		f.name("user of the system")
		f.name("client host")
		f.name("client name")
		f.number("major version")
		f.number("minor version")
		f.number("protocol revision")
	case interfaceHTTP:
		f.flag("method")
		f.name("user agent")
		f.name("forwarded for")
		f.name("referer")
	default:
		f.do("interface", func() error { return fmt.Errorf("%w: unknown number %d", ErrMalformed, via) })
	}
	f.name("quota key")
	f.number("depth of distribution")
	if via == interfaceTCP {
		f.number("patch version")
	}
	if f.flag("trace") != 0 {
		f.ignore("trace and span", 16+8)
		f.name("trace state")
		f.flag("trace flags")
	}
	f.number("collaboration")
	f.number("replicas")
	f.number("replica")
}

// settings reads names and values up to the empty name.
func (f *fieldReader) settings(what string) (all []Setting) {
	for f.err == nil {
		name := f.name("name of a " + what)
		if name == "" {
			break
		}
		flags := f.number("flags of a " + what)
		value := f.limited("value of a "+what, maxText)
		f.do(what+" "+name, func() (err error) {
			if flags&flagCustom != 0 {
				value, err = unquoteLiteral(value)
			}
			if len(all) == maxEntries {
				err = within("number of entries", maxEntries+1, maxEntries)
			}
			return err
		})
		all = append(all, Setting{name, value})
	}
	return all
}
