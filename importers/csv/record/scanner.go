// Package record splits CSV text into records, as RFC 4180 describes it: fields
// separated by commas, quoted if necessary, quotes doubled within quotes, lines ended by LF
// or CRLF. It is designed for speed, bounded memory and invalid input: a malformed record
// does not affect the rest of the file. Every position is known by byte and line, so that
// reading can resume from any record.
package record

import (
	"bytes"
	"context"
	"errors"
	"io"
)

// MaxBytes is the length limit of a record, including its line end.
const MaxBytes = 1 << 20

// readBytes is the size of a read: large enough to make system calls and records at the end of the
// buffer negligible.
const readBytes = 1 << 20

// Scanner reads records one after another. Its memory is bounded: at most 2 MiB for text, and some
// for the fields.
type Scanner struct {
	r       io.Reader
	readErr error // what r returned last; io.EOF at its end
	ended   bool  // readErr is io.EOF

	buf      []byte // buf[pos:end] is read but not scanned
	pos, end int
	offset   int64 // of buf[pos] in the input
	line     int64 // of buf[pos], from 1
	limit    int   // MaxBytes

	rec        []byte // the current record, or the first line of a malformed one
	recLine    int64
	terminated bool
	fields     []field
	scratch    []byte // unescaped values of the current record

	problem Problem // of the record that split found malformed
	at      int     // where its field at fault starts
}

// New returns a scanner of text that starts at the given byte offset and line of
// its source: 0 and 1 at the beginning, where a byte order mark is skipped.
func New(r io.Reader, offset, line int64) *Scanner {
	return newScanner(r, offset, line, readBytes, MaxBytes)
}

// newScanner returns a scanner with the given buffer size and limit.
func newScanner(r io.Reader, offset, line int64, read, limit int) *Scanner {
	return &Scanner{r: r, buf: make([]byte, read), offset: offset, line: line, limit: limit}
}

// Scan reads the next record. It returns io.EOF at the end of the input, *MalformedError for a
// malformed record, after which scanning may continue, and otherwise the error of the reader or of
// ctx, which is checked before every read. Empty lines are skipped.
func (s *Scanner) Scan(ctx context.Context) error {
	s.scratch = s.scratch[:0]
	if s.offset == 0 {
		if err := s.skipMark(ctx); err != nil {
			return err
		}
	}
	for {
		window := s.buf[s.pos:min(s.end, s.pos+s.limit+1)]
		// A window of full length is incomplete even at the end of the input: faults must not
		// depend on the read-ahead.
		last := s.ended && s.pos+len(window) == s.end && len(window) <= s.limit
		if len(window) == 0 && last {
			return io.EOF
		}
		n, lines, what := s.split(window, last)
		switch {
		case what == whole && n <= s.limit:
			s.rec, s.recLine = window[:n], s.line
			s.terminated = window[n-1] == '\n'
			s.advance(n, int64(lines))
			return nil
		case what == blank:
			s.advance(n, 1)
		case what == malformed:
			return s.fail(ctx, window, s.problem)
		case what == shortOpen && len(window) > s.limit:
			return s.fail(ctx, window, OpenQuote)
		case len(window) > s.limit:
			s.fields, s.at = s.fields[:0], 0
			return s.fail(ctx, window, TooLong)
		default:
			if err := s.fill(ctx); err != nil && !errors.Is(err, io.EOF) {
				return err
			}
		}
	}
}

// fail consumes the first line of a malformed record. Reading continues after that line, so that a
// stray quote does not affect the valid rows below it.
func (s *Scanner) fail(ctx context.Context, window []byte, problem Problem) error {
	fault := &MalformedError{Problem: problem, Field: len(s.fields), Column: s.at + 1}
	s.fields, s.recLine = s.fields[:0], s.line
	if nl := bytes.IndexByte(window, '\n'); nl >= 0 {
		s.rec, s.terminated = window[:nl+1], true
		s.advance(nl+1, 1)
		return fault
	}
	// The line is longer than the window, or the last one: keep its beginning and skip the rest
	// without buffering it.
	s.rec = bytes.Clone(window[:min(len(window), maxKept)])
	for {
		rest := s.buf[s.pos:s.end]
		if nl := bytes.IndexByte(rest, '\n'); nl >= 0 {
			s.advance(nl+1, 1)
			s.terminated = true
			return fault
		}
		s.advance(len(rest), 0)
		err := s.fill(ctx)
		if errors.Is(err, io.EOF) {
			s.terminated, fault.Cut = false, true
			return fault
		}
		if err != nil {
			return err
		}
	}
}

// maxKept is the number of bytes of a too long line that Raw returns.
const maxKept = 1 << 10

func (s *Scanner) advance(bytes int, lines int64) {
	s.pos += bytes
	s.offset += int64(bytes)
	s.line += lines
}
