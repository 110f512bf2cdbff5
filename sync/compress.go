package sync

import (
	"bytes"
	"errors"
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
