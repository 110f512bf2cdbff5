// Package sourcefile opens and reads the files of importers with deadlines. A plain
// os.Open of a named pipe, or of a file on a hung mount, never returns and cannot be
// cancelled; the activity that calls it keeps its slot until the worker restarts.
package sourcefile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// DefaultTimeout bounds a single operation on a file.
const DefaultTimeout = 30 * time.Second

// Errors that callers act on.
var (
	// ErrHung means that an operation has not returned within the timeout. The mount may
	// recover, so the error is worth a retry.
	ErrHung = errors.New("the file system does not answer")
	// ErrNotRegular means that the path is not a regular file. It is permanent.
	ErrNotRegular = errors.New("is not a regular file")
)

// Opener opens files. The zero value is ready for use; it is safe for concurrent use and
// must not be copied.
type Opener struct {
	// Timeout bounds a single operation: one open, stat, listing or read. Defaults to
	// DefaultTimeout.
	Timeout time.Duration
	// Roots are absolute paths of the folders below which files may be opened, listed and examined,
	// also through symbolic links. Folders that do not exist are ignored. nil allows every path,
	// an empty list none.
	Roots []string

	mu sync.Mutex
	// hung has the paths of operations that have not returned: each occupies a thread, so
	// further operations on the path fail at once.
	hung map[string]int
	// buffers are those of reads.
	buffers sync.Pool
}

// File is a regular file that is open. Like an os.File it is read by one caller at a time;
// ReadAt may be called concurrently.
type File struct {
	opener *Opener
	path   string
	file   *os.File
	info   fs.FileInfo
}

var (
	_ io.ReadSeekCloser = (*File)(nil)
	_ io.ReaderAt       = (*File)(nil)
)

// Open opens a regular file with an Opener of its own. An importer that opens many files
// keeps an Opener, which knows the paths that hang.
func Open(ctx context.Context, path string) (*File, error) { return new(Opener).Open(ctx, path) }

// Open opens a regular file for reading. The error is ErrNotRegular for any other file, ErrOutside
// for a path outside the roots, ErrHung after the timeout, that of ctx, or that of the operating
// system.
func (o *Opener) Open(ctx context.Context, path string) (*File, error) {
	return do(ctx, o, path, "open", func() (*File, error) { return o.open(path) }, func(f *File) {
		// The caller no longer waits: close the file here, without a receiver of the error.
		_ = f.file.Close() //nolint:errcheck // see above
	})
}

// open runs in a goroutine of its own.
func (o *Opener) open(path string) (*File, error) {
	file, err := o.openFile(path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w but %s", ErrNotRegular, kindOf(info.Mode()))
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &File{opener: o, path: path, file: file, info: info}, nil
}

// openFile opens a file, and never waits: without nonBlock the open of a named pipe waits for its
// writer.
func (o *Opener) openFile(path string) (file *os.File, err error) {
	if o.Roots == nil {
		return os.OpenFile(path, os.O_RDONLY|nonBlock, 0)
	}
	err = o.within(path, func(in *os.Root, rel string) (err error) {
		file, err = in.OpenFile(rel, os.O_RDONLY|nonBlock, 0)
		return err
	})
	return file, err
}

// Stat is os.Stat with a deadline. The error is ErrOutside, or as that of Open.
func (o *Opener) Stat(ctx context.Context, path string) (fs.FileInfo, error) {
	return do(ctx, o, path, "stat", func() (info fs.FileInfo, err error) {
		if o.Roots == nil {
			return os.Stat(path)
		}
		err = o.within(path, func(in *os.Root, rel string) (err error) {
			info, err = in.Stat(rel)
			return err
		})
		return info, err
	}, nil)
}

// ReadDir is os.ReadDir with a deadline. The error is ErrOutside, or as that of Open.
func (o *Opener) ReadDir(ctx context.Context, path string) ([]fs.DirEntry, error) {
	return do(ctx, o, path, "list", func() (entries []fs.DirEntry, err error) {
		folder, err := o.openFile(path)
		if err != nil {
			return nil, err
		}
		entries, err = folder.ReadDir(-1)
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
		return entries, errors.Join(err, folder.Close())
	}, nil)
}

// Name returns the path of the file, as given to Open.
func (f *File) Name() string { return f.path }

// Info returns the file's information at the time of opening.
func (f *File) Info() fs.FileInfo { return f.info }

// Read reads the next bytes. After ErrHung the position is undefined: close the file.
func (f *File) Read(p []byte) (int, error) {
	return f.read(p, func(buffer []byte) (int, error) { return f.file.Read(buffer) })
}

// ReadAt reads at an offset.
func (f *File) ReadAt(p []byte, offset int64) (int, error) {
	return f.read(p, func(buffer []byte) (int, error) { return f.file.ReadAt(buffer, offset) })
}

// Seek sets the position of the next Read. It does no I/O.
func (f *File) Seek(offset int64, whence int) (int64, error) { return f.file.Seek(offset, whence) }

// Close closes the file.
func (f *File) Close() error {
	_, err := bounded(nil, f.opener, f.path, "close", func() (int, error) { return 0, f.file.Close() }, nil)
	return err
}

// read reads into a separate buffer: a read that returns after its timeout must not write
// into the caller's memory.
func (f *File) read(p []byte, read func([]byte) (int, error)) (int, error) {
	type result struct {
		buffer *[]byte
		n      int
	}
	r, err := bounded(nil, f.opener, f.path, "read", func() (result, error) {
		buffer, ok := f.opener.buffers.Get().(*[]byte)
		if !ok || cap(*buffer) < len(p) {
			made := make([]byte, len(p))
			buffer = &made
		}
		n, err := read((*buffer)[:len(p)])
		return result{buffer: buffer, n: n}, err
	}, nil)
	if r.buffer != nil {
		copy(p, (*r.buffer)[:r.n])
		f.opener.buffers.Put(r.buffer)
	}
	return r.n, err
}
