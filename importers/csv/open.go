package csv

import (
	"context"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"

	"github.com/sluicehq/sluice/importers/sourcefile"
)

// input is an open source: a reader of its uncompressed text. Only the file must be closed: the
// decompressors hold nothing but memory, and their Close repeats an error of reading.
type input struct {
	io.Reader
	file *sourcefile.File
	// packed counts the compressed bytes of a gzip file; nil for other files.
	packed *counter
	// seekable means that the file is uncompressed text.
	seekable bool
	size     int64
}

var errChanged = inputFault("has changed since the import was planned: start a new import")

// open opens a source and rejects it if it has changed since planning.
func (c *Importer) open(ctx context.Context, args partArgs) (*input, error) {
	if args.Member != "" {
		return c.openMember(ctx, args)
	}
	file, err := c.files.Open(ctx, args.Path)
	if err != nil {
		return nil, fileFault(err)
	}
	in := &input{file: file, size: args.Size}
	if err := c.wrap(in, args); err != nil {
		return nil, errors.Join(err, in.Close())
	}
	if err := in.detectLineEnds(); err != nil {
		return nil, errors.Join(readFault(err), in.Close())
	}
	return in, nil
}

// wrap puts the decompressor and the limits on top of the file.
func (c *Importer) wrap(in *input, args partArgs) error {
	if info := in.file.Info(); info.Size() != args.Size || info.ModTime().UnixNano() != args.ModTime {
		return errChanged
	}
	in.packed = &counter{r: in.file}
	if !isGzip(args.Path) {
		in.Reader, in.packed, in.seekable = in.packed, nil, true
		return nil
	}
	unpacked, err := gzip.NewReader(in.packed)
	if err == io.EOF { //nolint:errorlint // gzip returns it bare
		return inputFault("is empty: a gzip file has at least a header")
	}
	if err != nil {
		return readFault(err)
	}
	in.Reader = &guard{r: unpacked, limits: c.limits, packed: func() int64 { return in.packed.n }}
	return nil
}

// openMember opens a member of a zip archive.
func (c *Importer) openMember(ctx context.Context, args partArgs) (*input, error) {
	ar, err := c.openArchive(ctx, args.Path)
	if err != nil {
		return nil, err
	}
	in := &input{file: ar.file, size: args.Size}
	for _, member := range ar.File {
		if member.Name != args.Member {
			continue
		}
		if int64(member.UncompressedSize64) != args.Size || member.CRC32 != args.CRC32 {
			return nil, errors.Join(errChanged, in.Close())
		}
		text, err := member.Open()
		if err != nil {
			return nil, errors.Join(readFault(err), in.Close())
		}
		packed := int64(member.CompressedSize64)
		in.Reader = &guard{r: text, limits: c.limits, packed: func() int64 { return packed }}
		if err := in.detectLineEnds(); err != nil {
			return nil, errors.Join(readFault(err), in.Close())
		}
		return in, nil
	}
	return nil, errors.Join(errChanged, in.Close())
}

// progress returns the position of the reader in the unit of Part.Bytes: bytes of text up to the
// offset, or compressed bytes of a gzip file, whose uncompressed size is unknown.
func (in *input) progress(offset int64) int64 {
	if in.packed != nil {
		return min(in.packed.n, in.size)
	}
	return offset
}

// atEnd checks that the text has the planned length at its end: a file that is replaced or
// truncated during reading is not complete.
func (in *input) atEnd(offset int64) error {
	if in.seekable && offset != in.size {
		return errChanged
	}
	return nil
}

// Close closes the source.
func (in *input) Close() error { return in.file.Close() }

// counter counts the bytes read from a file, and marks the file's errors.
type counter struct {
	r io.Reader
	n int64
}

// Read reads from the file.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		err = &ioError{err: err}
	}
	return n, err
}

// guard stops decompression once the text exceeds the limits, whatever size the archive's directory
// states.
type guard struct {
	r      io.Reader
	limits limits
	packed func() int64
	n      int64
}

// Read reads uncompressed text.
func (g *guard) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	g.n += int64(n)
	if g.n > g.limits.uncompressed {
		return 0, inputFault("has an uncompressed size of more than %d bytes, the limit", g.limits.uncompressed)
	}
	if g.limits.tooDense(g.n, g.packed()) {
		return 0, g.limits.denseFault()
	}
	return n, err
}
