package sampledata

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/csv"
	"github.com/sluicehq/sluice/importers/importertest"
	"github.com/sluicehq/sluice/warehouse/schema"
)

func spec() Spec {
	first := calendar.DayOf(time.Date(2023, 12, 20, 0, 0, 0, 0, time.UTC))
	return Spec{Seed: 1, Days: calendar.Range{First: first, Last: first + 19}, PageRows: 4000}
}

func write(t *testing.T, s Spec) []File {
	t.Helper()
	files, err := Write(filepath.Join(t.TempDir(), "new", "export"), s)
	require.NoError(t, err)
	return files
}

func read(t *testing.T, f File) []byte {
	t.Helper()
	text, err := os.ReadFile(f.Path)
	require.NoError(t, err)
	return text
}

func TestTheSameSpecificationGivesTheSameFiles(t *testing.T) {
	t.Parallel()
	once, twice := write(t, spec()), write(t, spec())
	other := spec()
	other.Seed = 2
	different := write(t, other)
	require.Len(t, once, len(schema.Imported()))
	for i := range once {
		require.Equal(t, read(t, once[i]), read(t, twice[i]), once[i].Table.Name)
		require.NotEqual(t, read(t, once[i]), read(t, different[i]), once[i].Table.Name)
		require.Equal(t, filepath.Base(once[i].Path), once[i].Table.Name+"_20231220_20240108.csv")
	}
}

func TestFilesMatchTheirDescription(t *testing.T) {
	t.Parallel()
	for _, f := range write(t, spec()) {
		text := read(t, f)
		require.EqualValues(t, len(text), f.Bytes, f.Table.Name)
		lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
		require.EqualValues(t, len(lines)-1, f.Rows, f.Table.Name)
		seen := map[string]bool{}
		for _, line := range lines {
			require.False(t, seen[string(line)], "%s has a row twice: %s", f.Table.Name, line)
			seen[string(line)] = true
		}
		require.GreaterOrEqual(t, f.Rows, int64(20), "%s has no row on some day", f.Table.Name)
	}
}

// TestImportable: the importer reads what was written, all of it, and comes to the
// same sums.
func TestImportable(t *testing.T) {
	t.Parallel()
	s := spec()
	files := write(t, s)
	importer := csv.New()
	args, err := json.Marshal(csv.Args{Paths: []string{filepath.Dir(files[0].Path)}})
	require.NoError(t, err)
	args, err = importer.ParseArgs(args)
	require.NoError(t, err)
	imp := importers.Import{
		ID: 1, Args: args, Window: calendar.NewSet(s.Days), Chunk: importers.ChunkLimit{Rows: 1000, Bytes: 1 << 20},
		Feedback: &importertest.Log{},
	}
	require.NoError(t, importertest.BeforeStart(t.Context(), importer, imp))
	plan, err := importer.Plan(t.Context(), imp)
	require.NoError(t, err)
	require.Equal(t, s.Days, plan.Range)
	require.Len(t, plan.Parts, len(files))
	for _, part := range plan.Parts {
		rows, visitors := readPart(t, importer, imp, part)
		for _, f := range files {
			if f.Table == part.Table {
				require.Equal(t, f.Rows, rows, f.Table.Name)
				require.Equal(t, f.Visitors, visitors, f.Table.Name)
			}
		}
	}
}

func readPart(t *testing.T, importer importers.Importer, imp importers.Import, part importers.Part) (rows int64, visitors uint64) {
	t.Helper()
	reader, err := importer.ImportData(t.Context(), imp, part, "")
	require.NoError(t, err)
	chunk := importers.NewChunk(part.Table)
	for {
		err := reader.Next(t.Context(), chunk)
		if errors.Is(err, io.EOF) {
			require.NoError(t, reader.Close())
			return rows, visitors
		}
		require.NoError(t, err)
		require.Empty(t, chunk.Rejects, part.Table.Name)
		require.Zero(t, chunk.OutOfRange)
		rows += int64(chunk.Rows.Rows())
		for _, v := range chunk.Rows.Uint64s(part.Table.Index("visitors")) {
			visitors += v
		}
	}
}

func TestSpecifications(t *testing.T) {
	t.Parallel()
	one := spec()
	one.Tables, one.PageRows, one.Days.Last = []*schema.Table{schema.Visitors}, 1, one.Days.First
	files := write(t, one)
	require.Len(t, files, 1)
	require.EqualValues(t, 1, files[0].Rows)

	bad := spec()
	bad.PageRows = 0
	_, err := Write(t.TempDir(), bad)
	require.EqualError(t, err, "0 rows of pages: want at least 1")
	bad = spec()
	bad.Days.Last = bad.Days.First - 1
	_, err = Write(t.TempDir(), bad)
	require.EqualError(t, err, "range 2023-12-20..2023-12-19 ends before it starts")

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = Write(file, spec())
	require.ErrorContains(t, err, "make export: ")
}
