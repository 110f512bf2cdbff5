package clickhouse

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// handle is a pointer that the engine owns. It stays a number on our side, so
// that Go's collector never looks at memory which is not its own.
type handle uintptr

// library is libchdb with the functions that we call. The C API is described
// in chdb.h (https://github.com/chdb-io/chdb-core).
type library struct {
	connect   func(argc int32, argv **byte) handle
	closeConn func(conn handle)

	query  queryFunc
	stream queryFunc

	fetch   func(conn, stream handle) handle
	cancel  func(conn, stream handle)
	destroy func(result handle)

	buffer       func(result handle) handle
	length       func(result handle) uintptr
	errorText    func(result handle) handle
	rowsRead     func(result handle) uint64
	bytesRead    func(result handle) uint64
	rowsWritten  func(result handle) uint64
	bytesWritten func(result handle) uint64
}

// queryFunc is the shape of chdb_query_with_params_n and of its streaming
// brother: texts and parameters all come with their lengths.
type queryFunc func(
	conn handle,
	query *byte, queryLen uintptr,
	format *byte, formatLen uintptr,
	names **byte, nameLens *uintptr,
	values **byte, valueLens *uintptr,
	params uintptr,
) handle

// openLibrary loads libchdb from path and looks up every function.
func openLibrary(path string) (*library, error) {
	lib, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("open libchdb: %w", err)
	}
	var (
		l          library
		setSignals func(enabled int32)
		errs       []error
	)
	for _, f := range []struct {
		name string
		into any
	}{
		{"chdb_set_signal_handlers_enabled", &setSignals},
		{"chdb_connect", &l.connect},
		{"chdb_close_conn", &l.closeConn},
		{"chdb_query_with_params_n", &l.query},
		{"chdb_stream_query_with_params_n", &l.stream},
		{"chdb_stream_fetch_result", &l.fetch},
		{"chdb_stream_cancel_query", &l.cancel},
		{"chdb_destroy_query_result", &l.destroy},
		{"chdb_result_buffer", &l.buffer},
		{"chdb_result_length", &l.length},
		{"chdb_result_error", &l.errorText},
		{"chdb_result_storage_rows_read", &l.rowsRead},
		{"chdb_result_storage_bytes_read", &l.bytesRead},
		{"chdb_result_rows_written", &l.rowsWritten},
		{"chdb_result_bytes_written", &l.bytesWritten},
	} {
		address, err := purego.Dlsym(lib, f.name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		purego.RegisterFunc(f.into, address)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("look up functions of libchdb: %w", err)
	}
	// Go's runtime owns the signals: the engine's handlers would swallow
	// SIGSEGV and SIGTERM. This must come before the first connection.
	setSignals(0)
	return &l, nil
}

// cStrings is an array of C strings as C functions take it. The pinner holds
// what the array points at until unpin.
type cStrings struct {
	pinner   runtime.Pinner
	pointers []*byte
	lengths  []uintptr
}

// newCStrings makes NUL-terminated copies of texts.
func newCStrings(texts []string) *cStrings {
	c := &cStrings{}
	for _, text := range texts {
		buf := append([]byte(text), 0)
		c.pinner.Pin(&buf[0])
		c.pointers = append(c.pointers, &buf[0])
		c.lengths = append(c.lengths, uintptr(len(text)))
	}
	return c
}

// first is the address of the array, nil if it is empty.
func (c *cStrings) first() **byte { return unsafe.SliceData(c.pointers) }

// sizes is the address of the array of lengths, nil if it is empty.
func (c *cStrings) sizes() *uintptr { return unsafe.SliceData(c.lengths) }

// unpin lets the collector have the copies.
func (c *cStrings) unpin() { c.pinner.Unpin() }

// bytes is a view of n bytes that the engine owns. It is good until the
// result it belongs to is destroyed.
func (h handle) bytes(n int) []byte {
	if h == 0 || n == 0 {
		return nil
	}
	return unsafe.Slice(h.pointer(), n)
}

// text copies the C string at h.
func (h handle) text() string {
	if h == 0 {
		return ""
	}
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(h.pointer()), n)) != 0 {
		n++
	}
	return string(h.bytes(n))
}

// pointer turns the number into a pointer. Going through the address of h
// tells vet that the number is a foreign pointer rather than arithmetic.
func (h handle) pointer() *byte {
	return *(**byte)(unsafe.Pointer(&h))
}
