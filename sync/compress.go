package sync

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	stdsync "sync"

	"github.com/klauspost/compress/gzip"
)

// compressors are writers to be used again: one has a megabyte of tables, and what it compresses is often small.
var compressors = stdsync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		return err // BestSpeed is a level
	}
	return w
}}

// Compress returns what write writes as a gzip blob. Equal texts give equal blobs.
func Compress(write func(w io.Writer) error) ([]byte, error) {
	var blob bytes.Buffer
	w, ok := compressors.Get().(*gzip.Writer)
	if !ok {
		return nil, errors.New("no compressor")
	}
	defer compressors.Put(w)
	w.Reset(&blob)
	if err := write(w); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return blob.Bytes(), nil
}

const (
	// MaxText bounds the text of a blob in bytes.
	MaxText = 1 << 30
	// MaxLine bounds a line of the text in bytes.
	MaxLine = 64 << 10
)

// decompressor reads the text of a blob.
type decompressor struct {
	blob  bytes.Reader
	gzip  gzip.Reader
	lines *bufio.Reader
}

// decompressors are readers to be used again: one has tables and a buffer that are larger than most blobs.
var decompressors = stdsync.Pool{New: func() any { return &decompressor{lines: bufio.NewReaderSize(nil, MaxLine)} }}

// EachLine calls fn with the lines of a blob of Compress, without their ends, and their numbers from 1. The text is
// read as a stream. fn must not keep the line.
func EachLine(blob []byte, fn func(n int, line []byte) error) error {
	d, ok := decompressors.Get().(*decompressor)
	if !ok {
		return errors.New("no decompressor")
	}
	d.blob.Reset(blob)
	defer func() {
		d.blob.Reset(nil) // the blob can be freed
		decompressors.Put(d)
	}()
	if err := d.gzip.Reset(&d.blob); err != nil {
		return fmt.Errorf("decompress: %w", err)
	}
	text := &io.LimitedReader{R: &d.gzip, N: MaxText + 1}
	d.lines.Reset(text)
	for n := 1; ; n++ {
		line, err := d.lines.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF) && len(line) == 0:
			return nil
		case text.N == 0:
			return fmt.Errorf("decompress: the text has more than %d bytes", MaxText)
		case errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("line %d has more than %d bytes", n, MaxLine)
		case err != nil && !errors.Is(err, io.EOF):
			return fmt.Errorf("decompress line %d: %w", n, err)
		}
		if err := fn(n, bytes.TrimSuffix(line, []byte("\n"))); err != nil {
			return err
		}
	}
}
