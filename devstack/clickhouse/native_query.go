package clickhouse

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/sluicehq/sluice/devstack/clickhouse/native"
)

// maxExternal bounds the external tables of a query, in bytes. Unlike the data
// of an INSERT they are held in memory.
const maxExternal = 64 << 20

// nativeQuery is a query on its way through a connection.
type nativeQuery struct {
	*request
	st         statement
	compressed bool
	// headed is set once the client knows the columns of the answer.
	headed bool
}

// query runs a query to its end. The client receives the errors of the query; the returned error
// means that the connection is unusable.
func (c *nativeConn) query(running context.Context) error {
	received, err := c.in.ReadQuery()
	if err != nil {
		return err
	}
	req := &request{id: received.ID, mark: newMark(), database: c.database}
	req.id = cmp.Or(req.id, req.mark)
	if req.external, err = c.externalTables(received.Compressed); err != nil {
		return err
	}
	q := &nativeQuery{request: req, compressed: received.Compressed}
	counts, err := c.answer(running, q, received)
	if err == nil {
		return c.out.end(counts)
	}
	if broken, ok := errors.AsType[*brokenError](err); ok {
		if broken.gone {
			return broken
		}
		return errors.Join(io.EOF, c.out.exception(nativeException(broken.error)))
	}
	e := nativeException(err)
	c.server.logger.Debug("query failed", slog.String("query_id", req.id), slog.Int("code", e.code))
	return c.out.exception(e)
}

// brokenError ends a connection whose client is out of step with us.
type brokenError struct {
	error
	// gone tells that nothing can be sent to the client any more.
	gone bool
}

// Unwrap returns what has happened.
func (e *brokenError) Unwrap() error { return e.error }

// answer runs the query and writes its result.
func (c *nativeConn) answer(
	running context.Context, q *nativeQuery, received native.Query,
) (counts progress, err error) {
	if err := q.accept(received); err != nil {
		return progress{}, err
	}
	if q.compressed {
		method, err := blockMethod(q.setting("network_compression_method"))
		if err != nil {
			return progress{}, err
		}
		c.out.compress(method)
	}
	var data io.Reader
	if q.st, data, err = complete(received.Text); err != nil {
		return progress{}, err
	}
	insert := q.st.kind == statementInsert || q.st.kind == statementInput
	inline := ""
	if insert {
		rest, err := io.ReadAll(data) // of a text that is in memory
		if err != nil {
			return progress{}, fmt.Errorf("read data of the query: %w", err)
		}
		inline = string(rest)
	}
	if insert && strings.Trim(inline, "; \t\r\n") == "" {
		return c.insert(running, q)
	}
	ctx, cancel := context.WithCancel(running)
	defer cancel()
	stop := c.watch(cancel)
	err = c.engine.do(ctx, q.request, func(s *session) (err error) {
		stop := c.engine.killWith(ctx, s.mark)
		defer func() { err = errors.Join(err, stop()) }()
		if err := c.engine.makeExternal(s, q.external); err != nil {
			return err
		}
		if insert {
			counts, err = c.engine.feed(s, q.st, q.params, &feed{source: strings.NewReader(inline)})
			return err
		}
		counts, err = c.execute(s, q)
		return err
	})
	if stopErr := stop(); stopErr != nil {
		err = &brokenError{errors.Join(err, stopErr), true}
	}
	return counts, err
}

// accept takes over the settings and parameters.
func (q *nativeQuery) accept(received native.Query) error {
	for _, s := range received.Settings {
		if err := checkSetting(s.Name); err != nil {
			return err
		}
		q.settings = append(q.settings, setting{s.Name, s.Value})
	}
	for _, p := range received.Parameters {
		q.params.names = append(q.params.names, p.Name)
		q.params.values = append(q.params.values, p.Value)
	}
	return nil
}

// setting returns the value of a setting, "" if it is not given.
func (q *nativeQuery) setting(name string) (value string) {
	for _, s := range q.settings {
		if s.name == name {
			value = s.value
		}
	}
	return value
}

// execute runs a statement without data and writes its result.
func (c *nativeConn) execute(s *session, q *nativeQuery) (counts progress, err error) {
	text := q.st.plain() // blocks have no format
	emit := func(blocks []byte) error { return c.sendBlocks(q, blocks) }
	if q.st.kind == statementSelect {
		if counts, err = s.streamNative(text, q.params, emit); err != nil || q.headed {
			return counts, err
		}
		columns, err := s.describe("(\n"+text+"\n)", q.params)
		if err != nil {
			return counts, err
		}
		return counts, c.sendHeader(q, columns)
	}
	r, err := s.exec(text, "Native", q.params)
	if err != nil {
		return progress{}, err
	}
	counts = r.progress
	if len(r.data) > 0 {
		err = emit(r.data)
	}
	r.destroy()
	if err != nil || q.headed || !q.st.readOnly {
		return counts, err
	}
	columns, err := s.columnsOf(text, q.params)
	if err != nil {
		return counts, err
	}
	return counts, c.sendHeader(q, columns)
}

// sendHeader writes the names and types of the answer's columns.
func (c *nativeConn) sendHeader(q *nativeQuery, columns []native.Column) error {
	for _, column := range columns {
		if err := native.CheckType(column.Type); err != nil {
			return fmt.Errorf("column %s: %w", column.Name, err)
		}
	}
	q.headed = true
	if err := c.out.header(q.compressed, columns); err != nil {
		return &brokenError{err, true}
	}
	return nil
}

// sendBlocks writes a part of the answer, behind its header.
func (c *nativeConn) sendBlocks(q *nativeQuery, blocks []byte) error {
	if !q.headed {
		header, err := native.PeekHeader(blocks)
		if err != nil {
			return err
		}
		if err := c.sendHeader(q, header.Columns); err != nil {
			return err
		}
	}
	err := native.SendBlocks(blocks, func(write func(*bufio.Writer) error) error {
		return c.out.block(q.compressed, write)
	})
	if err == nil {
		err = c.out.flush()
	}
	if err != nil {
		// A block that was begun cannot be ended any more.
		return &brokenError{err, true}
	}
	return nil
}

// externalTables reads the tables that a client sends along, up to the empty
// block that ends them.
func (c *nativeConn) externalTables(compressed bool) (tables []externalTable, err error) {
	left := maxExternal
	for {
		name, err := c.dataPacket()
		if err != nil {
			return nil, err
		}
		data := &limitedBuffer{left: &left}
		w := bufio.NewWriterSize(data, 4<<10)
		header, err := c.in.CopyBlock(w, compressed)
		if err == nil {
			err = w.Flush()
		}
		if err != nil {
			return nil, err
		}
		if len(header.Columns) == 0 {
			return tables, nil
		}
		if name == "" {
			return nil, fmt.Errorf("%w: data before they were requested", native.ErrMalformed)
		}
		structure := make([]string, 0, len(header.Columns))
		for _, column := range header.Columns {
			structure = append(structure, quoteName(column.Name)+" "+column.Type)
		}
		tables = append(tables, externalTable{
			name: name, format: "Native", structure: strings.Join(structure, ", "),
			open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data.Bytes())), nil },
		})
	}
}

// errCancelled is what a client's cancel packet becomes while it sends data.
var errCancelled = newException(codeQueryCancelled, "Query was cancelled by the client")

// dataPacket expects a packet of data and returns the name of its table.
func (c *nativeConn) dataPacket() (name string, err error) {
	code, err := c.in.Next()
	switch {
	case errors.Is(err, io.EOF):
		return "", io.ErrUnexpectedEOF
	case err != nil:
		return "", err
	case code == native.CodeCancel:
		return "", errCancelled
	case code != native.CodeData:
		return "", fmt.Errorf("%w: packet %d where data are expected", native.ErrMalformed, code)
	}
	return c.in.ReadTableName()
}

// limitedBuffer holds what is left to be held, and not more.
type limitedBuffer struct {
	bytes.Buffer
	left *int
}

// Write keeps p.
func (b *limitedBuffer) Write(p []byte) (int, error) {
	if *b.left -= len(p); *b.left < 0 {
		return 0, fmt.Errorf("%w: external tables of more than %d bytes", native.ErrMalformed, maxExternal)
	}
	return b.Buffer.Write(p)
}
