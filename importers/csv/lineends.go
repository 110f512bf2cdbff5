package csv

import (
	"errors"
	"fmt"
	"io"
)

// headBytes is the number of bytes that are read to detect the line ends of a file.
const headBytes = 64 << 10

// detectLineEnds examines the beginning of the text. If its first line ends in a bare CR, as
// written by spreadsheets on classic Mac OS, every CR is read as LF. Offsets and line numbers stay
// those of the file.
func (in *input) detectLineEnds() error {
	head := make([]byte, headBytes)
	n, empty := 0, 0
	var err error
	for n < len(head) && err == nil && empty < maxEmptyReads {
		var got int
		got, err = in.Read(head[n:])
		n += got
		if got == 0 {
			empty++
		}
	}
	head = head[:n]
	switch {
	case !in.seekable:
		in.Reader = &replay{head: head, err: err, r: in.Reader}
	case err != nil && !errors.Is(err, io.EOF):
		return err
	default:
		if _, err := in.file.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("seek: %w", &ioError{err: err})
		}
	}
	if endsInBareCR(head) {
		in.Reader = carriageReturns{in.Reader}
	}
	return nil
}

// maxEmptyReads is the maximum number of consecutive empty reads.
const maxEmptyReads = 100

// endsInBareCR reports whether the first line of a text ends in a CR without LF. Line ends within
// quotes do not count.
func endsInBareCR(head []byte) bool {
	quoted := false
	for i, c := range head {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '\n':
			return false
		case c == '\r' && i+1 < len(head):
			return head[i+1] != '\n'
		}
	}
	return false
}

// carriageReturns reads every CR as LF.
type carriageReturns struct{ r io.Reader }

// Read reads text.
func (c carriageReturns) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	for i, b := range p[:n] {
		if b == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}

// replay returns a head that was read earlier, then the rest of the reader.
type replay struct {
	head []byte
	// err is the last error of the reader; it is returned after the head.
	err error
	r   io.Reader
}

// Read reads text.
func (r *replay) Read(p []byte) (int, error) {
	if len(r.head) > 0 {
		n := copy(p, r.head)
		r.head = r.head[n:]
		return n, nil
	}
	if r.err != nil {
		return 0, r.err
	}
	return r.r.Read(p)
}

// endless reports whether an uncompressed file ends without a line end. The end of a compressed
// file is known only after reading it.
func (in *input) endless() (bool, error) {
	if !in.seekable || in.size == 0 {
		return false, nil
	}
	var last [1]byte
	if _, err := in.file.ReadAt(last[:], in.size-1); err != nil {
		return false, &ioError{err: err}
	}
	return last[0] != '\n' && last[0] != '\r', nil
}

// endlessWarning is the warning about a file whose last line has no line end.
const endlessWarning = "%s: the last line has no line end, unlike in every export: " +
	"the file may be truncated within its last value; compare the last row with the source, or export the file again"
