package native

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ClickHouse/ch-go/compress"
)

// readerSize is the size of a connection's buffers.
const readerSize = 128 << 10

// Reader reads a client's packets. It is used by one goroutine at a time.
type Reader struct {
	raw source
	// data are the bytes of compressed blocks, without their compression.
	data source
}

// NewReader returns a reader of what a client sends. It takes about 128 KiB,
// and as much again once compressed blocks are read, each of at most 128 MiB.
func NewReader(r io.Reader) *Reader {
	return &Reader{raw: source{bufio.NewReaderSize(r, readerSize)}}
}

// Await waits for the next packet and returns its code without consuming it.
// The error is io.EOF if the client has left.
func (r *Reader) Await() (Code, error) {
	b, err := r.raw.Peek(1)
	if err != nil {
		return 0, err
	}
	return Code(b[0]), nil
}

// Next consumes the code of the next packet.
func (r *Reader) Next() (Code, error) {
	code, err := r.raw.ReadByte()
	return Code(code), err
}

// Text reads one text that is no part of a packet, of at most 64 KiB: the
// quota key that ends the handshake.
func (r *Reader) Text() (string, error) { return r.raw.text(maxName) }

// blocks returns where the bytes of blocks come from.
func (r *Reader) blocks(compressed bool) source {
	if !compressed {
		return r.raw
	}
	if r.data.Reader == nil {
		// The buffer reads only the requested frames, so that it never contains bytes after a
		// block.
		r.data = source{bufio.NewReaderSize(compress.NewReader(r.raw), readerSize)}
	}
	return r.data
}

// source reads the values of which packets consist.
type source struct{ *bufio.Reader }

// unexpected turns the end of the stream into an end at the wrong place.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (s source) byte() (byte, error) {
	b, err := s.ReadByte()
	return b, unexpected(err)
}

func (s source) uvarint() (uint64, error) {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		b, err := s.byte()
		if err != nil {
			return 0, err
		}
		if shift == 63 && b > 1 {
			break
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}
	return 0, fmt.Errorf("%w: number of more than 64 bits", ErrMalformed)
}

// count reads a number of things, of which there may be up to most.
func (s source) count(what string, most uint64) (uint64, error) {
	n, err := s.uvarint()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	return n, within(what, n, most)
}

// within refuses a number of things above most.
func within(what string, n, most uint64) error {
	if n > most {
		return fmt.Errorf("%w: %s: %d, want at most %d", ErrMalformed, what, n, most)
	}
	return nil
}

// fixed reads len(p) bytes into p.
func (s source) fixed(p []byte) error {
	_, err := io.ReadFull(s, p)
	return unexpected(err)
}

func (s source) uint64() (uint64, error) {
	var b [8]byte
	err := s.fixed(b[:])
	return binary.LittleEndian.Uint64(b[:]), err
}

// skip throws n bytes away.
func (s source) skip(n int) error {
	_, err := s.Discard(n)
	return unexpected(err)
}

// text reads a text of at most limit bytes. Memory is taken as it arrives, not as
// it is announced.
func (s source) text(limit uint64) (string, error) {
	n, err := s.count("length of a text", limit)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if n <= readerSize {
		b.Grow(int(n))
	}
	if _, err := io.CopyN(&b, s, int64(n)); err != nil {
		return "", unexpected(err)
	}
	return b.String(), nil
}
