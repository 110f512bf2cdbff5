package csv

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/klauspost/compress/flate"

	"github.com/sluicehq/sluice/importers/sourcefile"
)

// directoryBudget is the limit for reading an archive's directory, in bytes. It bounds the memory
// for a directory with millions of members.
const directoryBudget = 8 << 20

// archive is an open zip archive.
type archive struct {
	*zip.Reader
	file *sourcefile.File
	size int64
}

// openArchive opens a zip archive. The caller closes its file.
func (c *Importer) openArchive(ctx context.Context, path string) (*archive, error) {
	file, err := c.files.Open(ctx, path)
	if err != nil {
		return nil, fileFault(err)
	}
	at := &budgetReaderAt{file: file, left: directoryBudget}
	reader, err := zip.NewReader(at, file.Info().Size())
	if err != nil {
		return nil, errors.Join(archiveFault(err), file.Close())
	}
	at.unlimited = true
	reader.RegisterDecompressor(zip.Deflate, flate.NewReader)
	return &archive{Reader: reader, file: file, size: file.Info().Size()}, nil
}

// addArchive adds the members of a zip archive at its top level or one folder below.
func (c *Importer) addArchive(ctx context.Context, path string, f *found, faults *faults) {
	ar, err := c.openArchive(ctx, path)
	if err != nil {
		faults.add(fmt.Errorf("%s: %w", path, err))
		return
	}
	if len(ar.File) > c.limits.members {
		faults.add(inputFault("%s: has %d members, the limit is %d", path, len(ar.File), c.limits.members))
	} else {
		c.addMembers(path, ar, f, faults)
	}
	if err := ar.file.Close(); err != nil {
		faults.add(fmt.Errorf("close %s: %w", path, err))
	}
}

func (c *Importer) addMembers(archivePath string, ar *archive, f *found, faults *faults) {
	var compressed, uncompressed uint64
	for _, member := range ar.File {
		shown := archivePath + "/" + member.Name
		slashed := slashes(member.Name)
		name := path.Clean(slashed)
		_, isText := trimExtension(name)
		if err := refusePath(slashed); err != nil {
			faults.add(fmt.Errorf("%s: %w", shown, err))
			continue
		}
		if slices.ContainsFunc(strings.Split(name, "/"), isHidden) {
			continue
		}
		if err := c.refuseMember(member); err != nil {
			faults.add(fmt.Errorf("%s: %w", shown, err))
			continue
		}
		switch {
		case strings.HasSuffix(slashed, "/"):
		case strings.Count(name, "/") > 1:
			f.ignore("%s was ignored: in an archive, only the top level and folders at the top level "+
				"are searched; move it up and pack again",
				shown)
		case !isText:
			f.ignore("%s", ignored(shown, "an archive, only .csv files"))
		default:
			compressed += min(member.CompressedSize64, uint64(ar.size)+1)
			uncompressed += member.UncompressedSize64
			f.add(path.Base(name), shown, partArgs{
				Path: archivePath, Member: member.Name,
				Size: int64(member.UncompressedSize64), CRC32: member.CRC32,
			}, faults)
		}
	}
	if compressed > uint64(ar.size) {
		faults.add(inputFault("%s: its members overlap, as in a decompression bomb", archivePath))
	}
	if uncompressed > uint64(c.limits.uncompressed) {
		faults.add(inputFault("%s: has an uncompressed size of %d bytes, the limit is %d",
			archivePath, uncompressed, c.limits.uncompressed))
	}
}

// slashes returns a member's path with slashes. Some programs on Windows write
// backslashes, against the format's specification (APPNOTE.TXT, 4.4.17).
func slashes(name string) string { return strings.ReplaceAll(name, `\`, "/") }

// refusePath rejects a member whose path leads out of the archive. Members are never written to
// disk, but such an archive is not trustworthy.
func refusePath(name string) error {
	local := filepath.IsLocal(strings.TrimSuffix(name, "/")) && !drive.MatchString(name)
	if !local || slices.Contains(strings.Split(name, "/"), "..") {
		return inputFault("its path leads, or may lead, out of the archive: pack the files again without their directories")
	}
	return nil
}

// drive matches the beginning of an absolute path on Windows.
var drive = regexp.MustCompile(`^[A-Za-z]:`)

// refuseMember rejects members that no export contains, and members whose stated uncompressed size
// exceeds the limits. The actual size is checked during reading.
func (c *Importer) refuseMember(m *zip.File) error {
	switch {
	case m.Mode()&fs.ModeSymlink != 0:
		return inputFault("is a symbolic link: pack the file itself")
	case m.Flags&1 != 0:
		return inputFault("is encrypted: pack it again without a password")
	case isNested(m.Name):
		return inputFault("is an archive or a compressed file within the archive: unpack it first")
	case m.Method != zip.Store && m.Method != zip.Deflate:
		return inputFault("is compressed with method %d: pack it again with deflate", m.Method)
	case m.UncompressedSize64 > uint64(c.limits.uncompressed):
		return inputFault("has an uncompressed size of %d bytes, the limit is %d", m.UncompressedSize64,
			c.limits.uncompressed)
	case c.limits.tooDense(int64(m.UncompressedSize64), int64(m.CompressedSize64)):
		return c.limits.denseFault()
	}
	return nil
}

// isNested reports whether the member is itself an archive, by its name.
func isNested(name string) bool {
	for _, ext := range []string{".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".zst", ".7z", ".rar"} {
		if _, yes := cutSuffixFold(name, ext); yes {
			return true
		}
	}
	return false
}

// archiveFault words an error of reading an archive's directory.
func archiveFault(err error) error {
	var file *ioError
	switch {
	case errors.As(err, &file), errors.Is(err, errBudget):
		return err
	case errors.Is(err, zip.ErrFormat), errors.Is(err, io.ErrUnexpectedEOF):
		return inputFault("is not a zip archive, or is truncated: export or copy it again")
	default:
		return inputFault("is a corrupt zip archive (%w): export or copy it again", err)
	}
}

// errBudget means that an archive's directory is larger than directoryBudget.
var errBudget = inputFault("its list of members is longer than %d bytes", directoryBudget)

// budgetReaderAt reads a file, until disarmed at most a number of bytes, and marks the file's
// errors.
type budgetReaderAt struct {
	file      io.ReaderAt
	left      int
	unlimited bool
}

// ReadAt reads from the file.
func (b *budgetReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if !b.unlimited {
		if b.left -= len(p); b.left < 0 {
			return 0, errBudget
		}
	}
	n, err := b.file.ReadAt(p, off)
	if err != nil && err != io.EOF {
		err = &ioError{err: err}
	}
	return n, err
}
