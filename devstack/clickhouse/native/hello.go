package native

import "fmt"

// Hello is a client's first packet.
type Hello struct {
	// Client names the program, "clickhouse-go/2.48.0 ...".
	Client string
	// Revision is the newest version of the protocol that the client speaks.
	Revision uint64
	// Database is the one of the connection's queries, "" for the default one.
	Database string
}

// ReadHello reads the packet after its code. It ignores user and password.
func (r *Reader) ReadHello() (h Hello, err error) {
	fields := fieldReader{source: r.raw}
	h.Client = fields.name("client name")
	fields.number("major version")
	fields.number("minor version")
	h.Revision = fields.number("protocol revision")
	h.Database = fields.name("database")
	fields.name("user")
	fields.name("password")
	if fields.err != nil {
		return Hello{}, fmt.Errorf("read hello: %w", fields.err)
	}
	return h, nil
}

// fieldReader reads one field after the other, up to the first error.
type fieldReader struct {
	source
	err error
}

// name reads a short text.
func (f *fieldReader) name(what string) string { return f.limited(what, maxName) }

// limited reads a text of at most limit bytes.
func (f *fieldReader) limited(what string, limit uint64) (text string) {
	f.do(what, func() (err error) { text, err = f.text(limit); return err })
	return text
}

// number reads a number of variable length.
func (f *fieldReader) number(what string) (n uint64) {
	f.do(what, func() (err error) { n, err = f.uvarint(); return err })
	return n
}

// flag reads a single byte.
func (f *fieldReader) flag(what string) (b byte) {
	f.do(what, func() (err error) { b, err = f.byte(); return err })
	return b
}

// ignore throws n bytes away.
func (f *fieldReader) ignore(what string, n int) {
	f.do(what, func() error { return f.skip(n) })
}

func (f *fieldReader) do(what string, read func() error) {
	if f.err != nil {
		return
	}
	if err := read(); err != nil {
		f.err = fmt.Errorf("%s: %w", what, err)
	}
}
