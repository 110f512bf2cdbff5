package clickhouse

import (
	"errors"
	"unsafe"
)

// conn is one connection of the engine. It runs one query at a time and has
// settings and a current database of its own.
type conn struct {
	lib *library
	ptr handle // chdb_connection *, what chdb_close_conn takes
	raw handle // chdb_connection, what the queries take
}

// dial opens a connection. The first one of a process boots the engine with
// args; all later ones share that engine.
func (l *library) dial(args []string) (*conn, error) {
	argv := newCStrings(append([]string{"chdb"}, args...))
	defer argv.unpin()
	ptr := l.connect(int32(len(argv.pointers)), argv.first())
	if ptr == 0 {
		return nil, errors.New("engine refused the connection")
	}
	raw := *(*handle)(unsafe.Pointer(ptr.pointer()))
	if raw == 0 {
		l.closeConn(ptr)
		return nil, errors.New("engine returned an empty connection")
	}
	return &conn{lib: l, ptr: ptr, raw: raw}, nil
}

// close gives the connection back to the engine. The connection must be idle.
func (c *conn) close() { c.lib.closeConn(c.ptr) }

// params are the values of a query's {name:Type} placeholders.
type params struct {
	names, values []string
}

// call runs f, one of the two query functions, with everything in C's shape.
func (c *conn) call(f queryFunc, sql, format string, p params) handle {
	texts := newCStrings([]string{sql, format})
	defer texts.unpin()
	names, values := newCStrings(p.names), newCStrings(p.values)
	defer names.unpin()
	defer values.unpin()
	return f(c.raw,
		texts.pointers[0], texts.lengths[0],
		texts.pointers[1], texts.lengths[1],
		names.first(), names.sizes(), values.first(), values.sizes(),
		uintptr(len(p.names)))
}

// result is what a query has left: all of its output, or one piece of it. It
// must be freed with destroy, after which data is gone.
type result struct {
	lib  *library
	ptr  handle
	data []byte
	progress
}

// progress counts what a query did.
type progress struct {
	readRows, readBytes, writtenRows, writtenBytes uint64
}

// newResult wraps ptr. An error of the engine frees it at once.
func (l *library) newResult(ptr handle) (*result, error) {
	if ptr == 0 {
		return nil, errors.New("engine returned no result")
	}
	if text := l.errorText(ptr).text(); text != "" {
		l.destroy(ptr)
		return nil, parseException(text)
	}
	return &result{
		lib:  l,
		ptr:  ptr,
		data: l.buffer(ptr).bytes(int(l.length(ptr))),
		progress: progress{
			readRows: l.rowsRead(ptr), readBytes: l.bytesRead(ptr),
			writtenRows: l.rowsWritten(ptr), writtenBytes: l.bytesWritten(ptr),
		},
	}, nil
}

// destroy frees the result.
func (r *result) destroy() { r.lib.destroy(r.ptr) }

// exec runs sql to its end and returns all of its output at once.
func (c *conn) exec(sql, format string, p params) (*result, error) {
	return c.lib.newResult(c.call(c.lib.query, sql, format, p))
}

// run executes sql for its effect alone.
func (c *conn) run(sql string) error {
	r, err := c.exec(sql, "Null", params{})
	if err != nil {
		return err
	}
	r.destroy()
	return nil
}
