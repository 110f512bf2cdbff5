package csv

import (
	"errors"
	"fmt"
	"io"
)

// headBytes is how much of a file is read to find out how its lines end.
const headBytes = 64 << 10

// detectLineEnds looks at the beginning of the text. If its first line ends in a bare
// CR, as spreadsheets on classic Mac OS wrote them, every CR is read as LF from here on.
// One byte stands for one byte: offsets and lines stay what they are in the file.
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

// maxEmptyReads is how often a reader may return nothing before what it has is enough.
const maxEmptyReads = 100

// endsInBareCR says whether the first line of a text ends in a CR that no LF follows.
// Line ends within quotes do not count.
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

// replay reads what was read of a reader before, then the reader itself.
type replay struct {
	head []byte
	// err is what the reader returned last; it comes behind the head.
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

// endless says whether a plain file ends without a line end. What is packed shows its end
// only once it is read.
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

// endlessWarning is what to say of a file whose last line has no line end.
const endlessWarning = "%s: the last line has no line end, which every export has: the file may be cut off, and its " +
	"last value with it; compare the last row with the source, or export the file again"
