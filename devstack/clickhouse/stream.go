package clickhouse

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// noMoreStream is what the engine answers to a fetch behind the last piece,
// if that one was not empty.
const noMoreStream = "No active streaming query"

// streamNative runs a SELECT and gives each block of its result to emit, in
// the Native format. emit must not keep the bytes.
func (s *session) streamNative(sql string, p params, emit func([]byte) error) (progress, error) {
	stream := s.call(s.lib.stream, sql, "Native", p)
	if stream == 0 {
		return progress{}, errors.New("engine returned no stream")
	}
	defer s.lib.destroy(stream)
	if text := s.lib.errorText(stream).text(); text != "" {
		return progress{}, parseException(text)
	}
	var total progress
	for {
		piece, err := s.lib.newResult(s.lib.fetch(s.raw, stream))
		if err != nil {
			if strings.Contains(err.Error(), noMoreStream) {
				return total, nil
			}
			return total, err
		}
		total.add(piece.progress)
		if len(piece.data) == 0 {
			piece.destroy()
			return total, nil
		}
		err = emit(piece.data)
		piece.destroy()
		if err != nil {
			s.lib.cancel(s.raw, stream)
			return total, err
		}
	}
}

// streamFormat runs a SELECT and copies its result to w, in any format.
//
// The library's own stream formats every block as if it were a result of its
// own, with a header and footer each. Only INTO OUTFILE gives the formats
// which have one a stream, hence the pipe.
func (e *engine) streamFormat(
	s *session, st statement, p params, format string, w io.Writer,
) (counts progress, err error) {
	path, err := e.pipes.pipe()
	if err != nil {
		return progress{}, err
	}
	defer func() { err = errors.Join(err, os.Remove(path)) }()
	outlet, err := openOutlet(path)
	if err != nil {
		return progress{}, err
	}
	done := make(chan struct{})
	copied := make(chan error, 1)
	go func() {
		buffer := copyBuffers.Get().(*[]byte) //nolint:errcheck // the pool holds nothing else
		defer copyBuffers.Put(buffer)
		_, err := io.CopyBuffer(onlyWriter{w}, onlyReader{outlet}, *buffer)
		if err != nil {
			// The client has disconnected. Discard the rest, so that the engine does not block on
			// the output while it stops.
			err = errors.Join(err, e.killUntil(done, s.mark))
			_, drainErr := io.CopyBuffer(io.Discard, onlyReader{outlet}, *buffer)
			err = errors.Join(err, drainErr)
		}
		copied <- err
	}()

	r, queryErr := s.exec(st.into(path, format), "Null", p)
	close(done)
	if queryErr == nil {
		counts = r.progress
		r.destroy()
	} else {
		queryErr = hidePath(queryErr, path)
	}
	sealErr := outlet.seal()
	copyErr := <-copied
	closeErr := outlet.Close()
	if copyErr != nil {
		return counts, fmt.Errorf("send result: %w", copyErr)
	}
	return counts, errors.Join(queryErr, sealErr, closeErr)
}

// onlyWriter and onlyReader hide the shortcuts of what they wrap, so that the
// copy goes through our large buffer.
type (
	onlyWriter struct{ io.Writer }
	onlyReader struct{ io.Reader }
)

// add sums up what the pieces of a stream report.
func (p *progress) add(q progress) {
	p.readRows += q.readRows
	p.readBytes += q.readBytes
	p.writtenRows += q.writtenRows
	p.writtenBytes += q.writtenBytes
}
