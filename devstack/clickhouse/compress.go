package clickhouse

import (
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// encoding is how an answer is compressed: in blocks of ClickHouse's own
// native format, or as a whole with one of HTTP's encodings.
type encoding struct {
	native bool
	method compress.Method // of native
	http   string          // "" for none
}

// httpEncodings are those we can write, the best one first.
var httpEncodings = []string{"zstd", "lz4", "br", "gzip", "deflate"}

// answerEncoding chooses the compression of the answer. The native one,
// asked for by compress=1, excludes the other.
func answerEncoding(values url.Values, header http.Header) (encoding, error) {
	if isTrue(values.Get("compress")) {
		method, err := blockMethod(values.Get("network_compression_method"))
		return encoding{native: true, method: method}, err
	}
	if v := values.Get("enable_http_compression"); v != "" && !isTrue(v) {
		return encoding{}, nil
	}
	accepted := map[string]bool{}
	for part := range strings.SplitSeq(header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		accepted[strings.TrimSpace(name)] = strings.ReplaceAll(weight, " ", "") != "q=0"
	}
	for _, name := range httpEncodings {
		if accepted[name] {
			return encoding{http: name}, nil
		}
	}
	return encoding{}, nil
}

// blockMethod is the compression of blocks that the setting
// network_compression_method asks for.
func blockMethod(name string) (compress.Method, error) {
	switch strings.ToUpper(name) {
	case "", "LZ4", "LZ4HC":
		return compress.LZ4, nil
	case "ZSTD":
		return compress.ZSTD, nil
	case "NONE":
		return compress.None, nil
	default:
		return 0, newException(codeUnknownCompression,
			"network_compression_method: want LZ4, LZ4HC, ZSTD or NONE, got %q", name)
	}
}

// decodeBody removes the compression of a request's body: HTTP's, and below
// that ClickHouse's own if native is set.
func decodeBody(r *http.Request, native bool) (io.Reader, error) {
	var (
		body io.Reader = r.Body
		err  error
	)
	switch name := strings.ToLower(r.Header.Get("Content-Encoding")); name {
	case "", "identity":
	case "gzip", "x-gzip":
		body, err = gzip.NewReader(body)
	case "deflate":
		body, err = zlib.NewReader(body)
	case "br":
		body = brotli.NewReader(body)
	case "lz4":
		body = lz4.NewReader(body)
	case "zstd":
		// One goroutine is enough, and none is left behind without Close.
		body, err = zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	default:
		return nil, newException(codeUnknownCompression, "Unknown compression method %q of the request's body", name)
	}
	if err != nil {
		return nil, newException(codeCannotDecompress, "Cannot decompress the request's body: %s", err)
	}
	if native {
		counted := &countingReader{r: body}
		body = &blockDecoder{counted, compress.NewReader(counted)}
	}
	return body, nil
}

// countingReader counts the bytes that pass.
type countingReader struct {
	r io.Reader
	n int64
}

// Read passes the read on.
func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// blockDecoder reads ClickHouse's compressed blocks. Unlike the reader below
// it, it tells an end between two blocks from one inside of a block: the
// latter would otherwise pass for a complete, shorter body.
type blockDecoder struct {
	source *countingReader
	blocks *compress.Reader
}

// Read returns io.EOF between blocks alone, and io.ErrUnexpectedEOF elsewhere.
func (b *blockDecoder) Read(p []byte) (int, error) {
	before := b.source.n
	n, err := b.blocks.Read(p)
	switch {
	case err == nil:
		return n, nil
	case !errors.Is(err, io.EOF):
		return n, newException(codeCannotDecompress, "Cannot decompress the request's body: %s", err)
	case b.source.n != before:
		return n, io.ErrUnexpectedEOF
	default:
		return n, io.EOF
	}
}

// encoder compresses an answer on its way to w.
type encoder interface {
	io.Writer
	// Close ends the compressed stream, but not the stream below it.
	Close() error
}

// newEncoder returns the encoder for e.
func newEncoder(e encoding, w io.Writer) (encoder, error) {
	switch {
	case e.native:
		return &blockEncoder{w, compress.NewWriter(compress.LevelZero, e.method)}, nil
	case e.http == "":
		return plainEncoder{w}, nil
	case e.http == "gzip":
		return gzip.NewWriterLevel(w, gzip.BestSpeed)
	case e.http == "deflate":
		return zlib.NewWriterLevel(w, zlib.BestSpeed)
	case e.http == "br":
		return brotli.NewWriterLevel(w, brotli.BestSpeed), nil
	case e.http == "lz4":
		return lz4.NewWriter(w), nil
	case e.http == "zstd":
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	default:
		return nil, newException(codeUnknownCompression, "Unknown compression method %q of the answer", e.http)
	}
}

// plainEncoder does not compress.
type plainEncoder struct{ io.Writer }

// Close does nothing.
func (plainEncoder) Close() error { return nil }

// maxBlock is how much goes into one compressed block, as with a server.
const maxBlock = 1 << 20

// blockEncoder writes ClickHouse's compressed blocks: checksum, method, sizes
// and data, each one complete in itself.
type blockEncoder struct {
	w io.Writer
	c *compress.Writer
}

// Write compresses p into as many blocks as it takes.
func (b *blockEncoder) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		n := min(len(p), maxBlock)
		if err := b.c.Compress(p[:n]); err != nil {
			return written, fmt.Errorf("compress block: %w", err)
		}
		if _, err := b.w.Write(b.c.Data); err != nil {
			return written, err
		}
		written += n
		p = p[n:]
	}
	return written, nil
}

// Close does nothing: blocks have no end mark.
func (b *blockEncoder) Close() error { return nil }
