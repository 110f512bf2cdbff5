package record

import (
	"bytes"
	"context"
	"errors"
	"io"
)

// maxEmptyReads is the number of consecutive empty reads after which a reader counts as broken.
const maxEmptyReads = 100

// fill reads until the buffer is full or the input ends, so that a record at the end of the buffer
// is scanned only twice, however small the reads are. It returns the last error of the reader
// (io.EOF at the end) if there is nothing more to read.
func (s *Scanner) fill(ctx context.Context) error {
	if s.readErr != nil {
		return s.readErr
	}
	if s.pos > 0 {
		s.end = copy(s.buf, s.buf[s.pos:s.end])
		s.pos = 0
	}
	if s.end == len(s.buf) {
		s.buf = append(s.buf, make([]byte, s.limit+1)...)
	}
	empty := 0
	for s.end < len(s.buf) {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := s.r.Read(s.buf[s.end:])
		s.end += n
		switch {
		case n > 0:
			empty = 0
		case err == nil:
			empty++
			if empty == maxEmptyReads {
				err = io.ErrNoProgress
			}
		}
		if err != nil {
			// Data that arrived with the error are scanned first.
			s.readErr, s.ended = err, errors.Is(err, io.EOF)
			break
		}
	}
	return nil
}

// Skip moves forward to a byte offset of the input at which the given line
// starts: a position that Position returned for the same input. It returns
// io.ErrUnexpectedEOF if the input is shorter.
func (s *Scanner) Skip(ctx context.Context, offset, line int64) error {
	for s.offset < offset {
		if s.pos == s.end {
			err := s.fill(ctx)
			if errors.Is(err, io.EOF) {
				return io.ErrUnexpectedEOF
			}
			if err != nil {
				return err
			}
		}
		s.advance(int(min(offset-s.offset, int64(s.end-s.pos))), 0)
	}
	s.line = line
	return nil
}

// skipMark skips the byte order mark that spreadsheets put before UTF-8.
func (s *Scanner) skipMark(ctx context.Context) error {
	if s.end-s.pos < len(mark) {
		if err := s.fill(ctx); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	if bytes.HasPrefix(s.buf[s.pos:s.end], mark) {
		s.advance(len(mark), 0)
	}
	return nil
}

var mark = []byte("\xef\xbb\xbf")
