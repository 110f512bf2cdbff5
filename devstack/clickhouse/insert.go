package clickhouse

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
)

// copySize is the size of the pieces in which data are handed to the engine:
// what the pipe holds, so that one write fills it.
const copySize = 1 << 20

// copyBuffers are reused, as a buffer is large beside a small INSERT.
var copyBuffers = sync.Pool{New: func() any { b := make([]byte, copySize); return &b }}

// feed hands an INSERT's data to the engine.
type feed struct {
	source io.Reader
	// stopSource, if set, makes reads of source fail soon. It is called when
	// the engine has given up on the data.
	stopSource func() error

	path   string
	opened chan struct{} // closed when the writing end is, or cannot be, open
	kill   func(done <-chan struct{}) error
}

// feed runs the INSERT with the data of f and returns what it wrote.
//
// The engine takes the end of the pipe for the end of the data. So if the
// source breaks, however well what came until then reads, the query is
// cancelled first and the pipe closed afterwards: nothing of the block that
// was being put together is kept.
func (e *engine) feed(s *session, st statement, p params, f *feed) (counts progress, err error) {
	if st.kind == statementInput {
		return e.feedInput(s, st, p, f)
	}
	if strings.EqualFold(st.format, "Values") {
		f.source = &valuesReader{source: f.source}
	}
	path, err := e.pipes.pipe()
	if err != nil {
		return progress{}, err
	}
	defer func() { err = errors.Join(err, os.Remove(path)) }()

	f.path = path
	f.opened = make(chan struct{})
	f.kill = func(done <-chan struct{}) error { return e.killUntil(done, s.mark) }
	done := make(chan struct{})
	fed := make(chan error, 1)
	go func() { fed <- f.run(done) }()

	r, queryErr := s.exec(st.fed(path), "Null", p)
	close(done)
	if queryErr == nil {
		counts = r.progress
		r.destroy()
	} else {
		queryErr = hidePath(queryErr, path)
		if f.stopSource != nil {
			queryErr = errors.Join(queryErr, f.stopSource())
		}
	}
	releaseErr := releaseWriter(path, f.opened)
	if feedErr := <-fed; feedErr != nil {
		// That the data broke off is why the engine has complained.
		return counts, errors.Join(feedErr, releaseErr)
	}
	return counts, errors.Join(queryErr, releaseErr)
}

// run copies the source into the pipe. It returns an error if the source
// broke, but not if the engine stopped reading: the query's own error says why.
func (f *feed) run(done <-chan struct{}) (err error) {
	pipe, err := openWriter(f.path)
	close(f.opened)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := pipe.Close(); closeErr != nil {
			err = errors.Join(err, fmt.Errorf("close pipe: %w", closeErr))
		}
	}()
	buffer := copyBuffers.Get().(*[]byte) //nolint:errcheck // the pool holds nothing else
	defer copyBuffers.Put(buffer)
	for {
		n, readErr := f.source.Read(*buffer)
		if n > 0 {
			if _, err := pipe.Write((*buffer)[:n]); errors.Is(err, syscall.EPIPE) {
				return f.drain(*buffer)
			} else if err != nil {
				return fmt.Errorf("write to pipe: %w", err)
			}
		}
		if errors.Is(readErr, io.EOF) {
			return nil
		}
		if readErr != nil {
			return errors.Join(bodyError(readErr), f.kill(done))
		}
	}
}

// drain reads what is left of the source, so that a client which is still
// sending comes to read the answer. It ends with the source or with
// stopSource; how it ends is of no interest any more.
func (f *feed) drain(buffer []byte) error {
	for {
		if _, err := f.source.Read(buffer); err != nil {
			return nil //nolint:nilerr // how the source ends is of no interest any more
		}
	}
}

// hidePath takes the name of a pipe out of an error's text, where it would
// say nothing to a client.
func hidePath(err error, path string) error {
	e := asException(err)
	return &exception{e.code, strings.ReplaceAll(e.text, path, "the request's body")}
}
