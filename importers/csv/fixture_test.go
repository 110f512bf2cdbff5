package csv

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/importertest"
)

// files are the contents of files by their paths below a directory.
type files map[string]string

// write writes the files to a directory of their own and returns it.
func (f files) write(tb testing.TB) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, text := range f {
		path := filepath.Join(dir, name)
		require.NoError(tb, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(tb, os.WriteFile(path, []byte(text), 0o600))
	}
	return dir
}

// gzipped returns the text compressed with gzip.
func gzipped(tb testing.TB, text string) string {
	tb.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	require.NoError(tb, err)
	require.NoError(tb, w.Close())
	return b.String()
}

// member is a member of a zip archive to write.
type member struct {
	name, text string
	// change edits the header before it is written.
	change func(*zip.FileHeader)
}

// zipped returns a zip archive of the members.
func zipped(tb testing.TB, members ...member) string {
	tb.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: zip.Deflate}
		if m.change != nil {
			m.change(h)
		}
		f, err := w.CreateHeader(h)
		require.NoError(tb, err)
		if m.text != "" {
			_, err = f.Write([]byte(m.text))
			require.NoError(tb, err)
		}
	}
	require.NoError(tb, w.Close())
	return b.String()
}

// run returns an import of the paths, over all days, in chunks of that many
// rows.
func run(tb testing.TB, rows int, paths ...string) (importers.Import, *importertest.Log) {
	tb.Helper()
	raw, err := json.Marshal(Args{Paths: paths})
	require.NoError(tb, err)
	log := &importertest.Log{}
	return importers.Import{
		ID: 1, Args: raw, Feedback: log,
		Window: allDays,
		Chunk:  importers.ChunkLimit{Rows: rows, Bytes: 1 << 30},
	}, log
}

// readOnly plans an import of one file and reads it whole, whatever the days in
// its name, in chunks of that many rows.
func readOnly(tb testing.TB, rows int, path string) ([]importertest.Copy, error) {
	tb.Helper()
	imp, _ := run(tb, rows, path)
	plan, err := New().Plan(context.Background(), imp)
	require.NoError(tb, err)
	require.Len(tb, plan.Parts, 1)
	plan.Parts[0].Days = allDays
	return importertest.ReadPart(context.Background(), New(), imp, plan.Parts[0], "")
}

// planPart returns the part that Plan makes of a source.
func planPart(tb testing.TB, src source) importers.Part {
	tb.Helper()
	raw, err := json.Marshal(src.args)
	require.NoError(tb, err)
	return importers.Part{Table: src.table, Label: src.label, Args: raw, Bytes: src.args.Size}
}
