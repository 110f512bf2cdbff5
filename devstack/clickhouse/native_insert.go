package clickhouse

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/sluicehq/sluice/devstack/clickhouse/native"
)

// insertBuffer is the size of the pieces in which a client's data are handed
// on. Whatever is in it when a block ends is handed on too.
const insertBuffer = 256 << 10

// insertion passes a client's data on to an INSERT in the engine, which it
// starts with the first of them: a client that has prepared a batch does not
// keep others from running queries.
type insertion struct {
	start  func(data *io.PipeReader)
	data   *io.PipeWriter // nil until the start
	result chan error
	counts progress // set before result is sent
}

// Write hands data on.
func (i *insertion) Write(p []byte) (int, error) {
	if i.data == nil {
		r, w := io.Pipe()
		i.data = w
		i.start(r)
	}
	return i.data.Write(p)
}

// end waits for the INSERT. With broken set, its data are not complete, and
// nothing of the block in flight is kept.
func (i *insertion) end(broken error) error {
	if i.data == nil {
		return nil
	}
	closeErr := i.data.CloseWithError(broken)
	return errors.Join(<-i.result, closeErr)
}

// insert asks the client for the data of an INSERT and runs it with them.
func (c *nativeConn) insert(running context.Context, q *nativeQuery) (progress, error) {
	target, err := c.insertColumns(running, q)
	if err != nil {
		return progress{}, err
	}
	if err := c.askForData(q, target); err != nil {
		return progress{}, &brokenError{err, true}
	}
	q.st.format = "Native"
	ctx, cancel := context.WithCancel(running)
	defer cancel()
	insert := &insertion{result: make(chan error, 1)}
	insert.start = func(data *io.PipeReader) {
		go func() { insert.result <- c.runInsert(ctx, q, data, &insert.counts) }()
	}
	if err := c.receive(insert, q.compressed); err != nil {
		return progress{}, c.brokenOff(insert, err)
	}
	// All data are here. The client may still give up while it waits.
	stop := c.watch(cancel)
	err = insert.end(nil)
	if stopErr := stop(); stopErr != nil {
		return progress{}, &brokenError{errors.Join(err, stopErr), true}
	}
	return insert.counts, err
}

// receive reads the client's blocks up to the empty one.
func (c *nativeConn) receive(to io.Writer, compressed bool) error {
	w := bufio.NewWriterSize(to, insertBuffer)
	for {
		if _, err := c.dataPacket(); err != nil {
			return err
		}
		header, err := c.in.CopyBlock(w, compressed)
		if err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if len(header.Columns) == 0 {
			return nil
		}
	}
}

// brokenOff ends an INSERT whose data have broken off with cause, and returns
// what to tell the client before it is left.
func (c *nativeConn) brokenOff(insert *insertion, cause error) error {
	err := insert.end(cause)
	switch {
	case errors.Is(cause, os.ErrDeadlineExceeded):
		// The engine had failed, and the client continued to send.
		return &brokenError{error: err}
	case errors.Is(cause, native.ErrMalformed), errors.Is(cause, native.ErrUnsupportedType),
		errors.Is(cause, errCancelled):
		return &brokenError{error: cause}
	default:
		return &brokenError{errors.Join(cause, err), true}
	}
}

// runInsert runs the INSERT. When it returns, all data have been read, or writing them has no
// effect.
func (c *nativeConn) runInsert(ctx context.Context, q *nativeQuery, data *io.PipeReader, counts *progress) error {
	stopSource := func() error { return c.socket.SetReadDeadline(time.Now().Add(drainTime)) }
	err := c.engine.do(ctx, q.request, func(s *session) (err error) {
		stop := c.engine.killWith(ctx, s.mark)
		defer func() { err = errors.Join(err, stop()) }()
		if err := c.engine.makeExternal(s, q.external); err != nil {
			return err
		}
		*counts, err = c.engine.feed(s, q.st, q.params, &feed{source: data, stopSource: stopSource})
		return err
	})
	if err == nil {
		return nil
	}
	// It may have failed before it came to the data. The client sends them
	// nevertheless, and reads the answer after that.
	err = errors.Join(err, stopSource())
	if _, drainErr := io.Copy(io.Discard, data); drainErr != nil {
		c.server.logger.Debug("rest of a failed insert was not read")
	}
	return err
}
