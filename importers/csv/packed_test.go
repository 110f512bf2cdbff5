package csv

import (
	"archive/zip"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/importertest"
)

// Whatever a file is packed in, the same rows come out, and progress ends at the
// whole.
func TestPackedAlike(t *testing.T) {
	t.Parallel()
	text := "date,visitors\n" + strings.Repeat("2021-01-01,1\n2021-01-02,22\n", 2000)
	dir := files{
		"a/" + goodName:         text,
		"b/" + goodName + ".gz": gzipped(t, text),
		// As parallel compressors write it: several gzip members end to end.
		"c/" + goodName + ".gz": gzipped(t, text[:30]) + gzipped(t, text[30:]),
		"d.zip":                 zipped(t, member{name: "export/" + goodName, text: text}, member{name: "export/"}),
		"e.zip":                 zipped(t, member{name: goodName, text: text, change: func(h *zip.FileHeader) { h.Method = zip.Store }}),
	}.write(t)
	plain, err := readOnly(t, 300, filepath.Join(dir, "a"))
	require.NoError(t, err)
	require.Len(t, plain, 14)
	require.Equal(t, int64(len(text)), plain[13].Bytes)
	for _, packed := range []string{"b", "c", "d.zip", "e.zip"} {
		copies, err := readOnly(t, 300, filepath.Join(dir, packed))
		require.NoError(t, err, packed)
		require.Len(t, copies, len(plain), packed)
		for i := range copies {
			require.Equal(t, plain[i].Rows, copies[i].Rows, packed)
			require.Equal(t, plain[i].Next, copies[i].Next, packed)
		}
	}
}

// damaged plans an import of a file and then reads another text in its place,
// of the same size and time.
func damaged(t *testing.T, c *Importer, name, before, after string) error {
	t.Helper()
	path := filepath.Join(files{name: before}.write(t), name)
	imp, _ := run(t, 1000, path)
	plan, err := c.Plan(t.Context(), imp)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(after), 0o600))
	require.NoError(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
	_, err = importertest.ReadPart(t.Context(), c, imp, plan.Parts[0], "")
	return err
}

func TestDamaged(t *testing.T) {
	t.Parallel()
	text := "date,visitors\n" + strings.Repeat("2021-01-01,1\n2021-01-02,22\n", 2000)
	flip := func(s string, at int) string {
		b := []byte(s)
		b[at] ^= 0xff
		return string(b)
	}
	gz, archive := gzipped(t, text), zipped(t, member{name: goodName, text: text})
	stored := zipped(t, member{name: goodName, text: text, change: func(h *zip.FileHeader) { h.Method = zip.Store }})
	for name, tc := range map[string]struct{ file, before, after, want string }{
		"gzip checksum":        {goodName + ".gz", gz, flip(gz, len(gz)-6), "is corrupt (gzip: invalid checksum)"},
		"gzip data":            {goodName + ".gz", gz, flip(gz, len(gz)/2), "export or copy it again"},
		"gzip, something else": {goodName + ".gz", gz + "12345678901234567890", gz + "12345678901234567890", "has other data after the gzip data"},
		"gzip cut":             {goodName + ".gz", gz[:len(gz)-10], gz[:len(gz)-10], "the file is truncated"},
		"zip checksum":         {"export.zip", stored, flip(stored, 200), "is corrupt (zip: checksum error)"},
		"zip data":             {"export.zip", archive, flip(archive, 70), "export or copy it again"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := damaged(t, New(), tc.file, tc.before, tc.after)
			require.ErrorContains(t, err, tc.want)
			class, _ := importers.ClassOf(err)
			require.Equal(t, importers.ClassInput, class)
		})
	}
}

// What an archive's directory says about sizes is not believed.
func TestBlownUp(t *testing.T) {
	t.Parallel()
	text := "date,visitors\n" + strings.Repeat("2021-01-01,1\n", 50_000)
	small := New()
	small.limits = limits{members: 8, uncompressed: 100_000, ratio: 1 << 30, ratioFree: 1 << 40}
	require.ErrorContains(t, damaged(t, small, goodName+".gz", gzipped(t, text), gzipped(t, text)),
		"has an uncompressed size of more than 100000 bytes")
	small.limits = limits{members: 8, uncompressed: 1 << 40, ratio: 20, ratioFree: 100_000}
	require.ErrorContains(t, damaged(t, small, goodName+".gz", gzipped(t, text), gzipped(t, text)),
		"is more than 20 times larger than its compressed form")

	lie := []byte(zipped(t, member{name: goodName, text: text}))
	entry := bytes.Index(lie, []byte("PK\x01\x02"))
	copy(lie[entry+24:], []byte{100, 0, 0, 0}) // uncompressed size in the directory
	imp, _ := run(t, 10, filepath.Join(files{"export.zip": string(lie)}.write(t), "export.zip"))
	_, err := New().Plan(t.Context(), imp)
	require.ErrorContains(t, err, "is corrupt")
	class, _ := importers.ClassOf(err)
	require.Equal(t, importers.ClassInput, class)
}

// The directory of an archive is read only up to a limit.
func TestHugeDirectory(t *testing.T) {
	t.Parallel()
	members := make([]member, 150)
	for i := range members {
		members[i] = member{name: "x.txt", change: func(h *zip.FileHeader) { h.Comment = strings.Repeat("c", 1<<16-1) }}
	}
	path := filepath.Join(files{"export.zip": zipped(t, members...)}.write(t), "export.zip")
	imp, _ := run(t, 10, path)
	require.ErrorContains(t, importertest.BeforeStart(t.Context(), New(), imp), "its list of members is longer than 8388608 bytes")
}

func TestChangedSincePlanned(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(t *testing.T, path string){
		"longer": func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.WriteFile(path, []byte(goodText+goodText), 0o600))
		},
		"newer": func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(files{goodName: goodText}.write(t), goodName)
			imp, _ := run(t, 10, path)
			plan, err := New().Plan(t.Context(), imp)
			require.NoError(t, err)
			change(t, path)
			_, err = New().ImportData(t.Context(), imp, plan.Parts[0], "")
			require.ErrorContains(t, err, "has changed since the import was planned: start a new import")
		})
	}
	t.Run("a member", func(t *testing.T) {
		t.Parallel()
		for _, after := range []string{
			zipped(t, member{name: goodName, text: strings.Replace(goodText, "3,4", "5,4", 1)}),
			zipped(t, member{name: "x" + goodName[1:], text: goodText}),
		} {
			require.ErrorContains(t, damaged(t, New(), "export.zip", zipped(t, member{name: goodName, text: goodText}), after), "has changed")
		}
	})
	t.Run("while it is read", func(t *testing.T) {
		t.Parallel()
		in := &input{seekable: true, size: 10}
		require.NoError(t, in.atEnd(10))
		require.ErrorContains(t, in.atEnd(9), "has changed")
	})
	t.Run("gone", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(files{goodName: goodText}.write(t), goodName)
		imp, _ := run(t, 10, path)
		plan, err := New().Plan(t.Context(), imp)
		require.NoError(t, err)
		require.NoError(t, os.Remove(path))
		_, err = New().ImportData(t.Context(), imp, plan.Parts[0], "")
		require.ErrorContains(t, err, goodName+": does not exist")
	})
}

func TestFileFaults(t *testing.T) {
	t.Parallel()
	class, _ := importers.ClassOf(fileFault(&fs.PathError{Err: fs.ErrPermission}))
	require.Equal(t, importers.ClassAccess, class)
	class, _ = importers.ClassOf(fileFault(&fs.PathError{Err: fs.ErrNotExist}))
	require.Equal(t, importers.ClassInput, class)
	_, permanent := importers.ClassOf(fileFault(errors.New("stale file handle")))
	require.False(t, permanent, "what we do not know may pass")
	_, permanent = importers.ClassOf(readFault(&ioError{err: errors.New("input/output error")}))
	require.False(t, permanent)

	var mixed faults
	mixed.add(nil)
	require.True(t, mixed.none())
	mixed.add(fileFault(fs.ErrPermission))
	class, _ = importers.ClassOf(mixed.err())
	require.Equal(t, importers.ClassAccess, class)
	mixed.add(fileFault(fs.ErrNotExist))
	class, _ = importers.ClassOf(mixed.err())
	require.Equal(t, importers.ClassInput, class)
	mixed.add(errors.New("stale file handle"))
	_, permanent = importers.ClassOf(mixed.err())
	require.False(t, permanent)
	require.EqualError(t, mixed.err(), "stale file handle")

	var many faults
	for range maxFaults + 5 {
		many.add(inputFault("wrong"))
	}
	require.Equal(t, maxFaults, strings.Count(many.err().Error(), "\n"))
	require.Contains(t, many.err().Error(), "and 5 more")
}
