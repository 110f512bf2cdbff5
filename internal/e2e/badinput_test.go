package e2e

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/store"
)

const (
	visitorsFile = "imported_visitors_20210101_20210131.csv"
	header       = "date,visitors,pageviews,bounces,visits,visit_duration\n"
)

// folder is where the files of one import lie.
type folder struct {
	t   *testing.T
	dir string
}

func (f folder) write(name, text string) {
	f.t.Helper()
	require.NoError(f.t, os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600))
}

// visitors writes the file of visitors.
func (f folder) visitors(rows ...string) { f.write(visitorsFile, header+strings.Join(rows, "")) }

// zip writes an archive with one member.
func (f folder) zip(member, text string) {
	f.t.Helper()
	file, err := os.Create(filepath.Join(f.dir, "export.zip"))
	require.NoError(f.t, err)
	archive := zip.NewWriter(file)
	w, err := archive.Create(member)
	require.NoError(f.t, err)
	_, err = w.Write([]byte(text))
	require.NoError(f.t, err)
	require.NoError(f.t, archive.Close())
	require.NoError(f.t, file.Close())
}

const goodRow = "2021-01-01,1,2,3,4,5\n"

// badInput is something that cannot be imported at all.
type badInput struct {
	files func(f folder)
	// path is what to import, in the folder; by default all of it.
	path string
	// class and err are the error, FOLDER standing for the folder.
	class, err string
}

var badInputs = map[string]badInput{
	"wrong header": {
		files: func(f folder) { f.write(visitorsFile, "date,visitors,clicks\n2021-01-01,1,2\n") },
	},
	"no header": {files: func(f folder) { f.write(visitorsFile, goodRow) }},
	"truncated": {files: func(f folder) { f.visitors(goodRow, "2021-01-02,1,2") }},
	"truncated in quotes": {
		files: func(f folder) { f.visitors(goodRow, `2021-01-02,"1,2`) },
	},
	"binary":     {files: func(f folder) { f.write(visitorsFile, "\x7fELF\x02\x01\x01\x00\x00\x00") }},
	"empty file": {files: func(f folder) { f.write(visitorsFile, "") }},
	"duplicate": {
		files: func(f folder) {
			f.visitors(goodRow)
			f.write("visitors_20210201_20210228.csv", header)
		},
	},
	"missing":       {files: func(folder) {}, path: "nowhere"},
	"nothing in it": {files: func(f folder) { f.write("readme.txt", "hello") }},
	"a folder named like a file": {
		files: func(f folder) { require.NoError(f.t, os.Mkdir(filepath.Join(f.dir, visitorsFile), 0o700)) },
	},
	"unreadable": {files: func(f folder) {
		f.visitors(goodRow)
		unreadable(f)
	}},
	"impossible date in its name": {files: func(f folder) { f.write("imported_visitors_20210230_20210231.csv", header) }},
	"zip bomb": {
		files: func(f folder) { f.zip(visitorsFile, header+strings.Repeat("0", 80<<20)) }, path: "export.zip",
	},
	"path traversal": {
		files: func(f folder) { f.zip("../"+visitorsFile, header+goodRow) }, path: "export.zip",
	},
	"no zip": {files: func(f folder) { f.write("export.zip", "PK\x03\x04 but no more") }, path: "export.zip"},
	"too many rejects": {
		files: func(f folder) {
			f.visitors(strings.Repeat(goodRow, 50), strings.Repeat("2021-01-02,-1,2,3,4,5\n", 150))
		},
	},
}

// unreadable makes a file one that cannot be read; for the superuser everything can.
func unreadable(f folder) {
	f.t.Helper()
	require.NoError(f.t, os.Chmod(filepath.Join(f.dir, visitorsFile), 0))
}

// What cannot be imported ends with a clear error, and with nothing of it half
// visible.
func TestBadInput(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.StartWorker(t)
	for name, tc := range badInputs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &system{System: s.System, t: t}
			last, dir := s.importFiles(name, tc.files, tc.path, store.StatusFailed)
			fmt.Printf("@@ %s | %s | %s\n", name, last.Import.ErrorClass, strings.ReplaceAll(last.Import.Error, dir, "FOLDER"))
		})
	}
}

// importFiles writes files and imports them into a site of their own.
func (s *system) importFiles(name string, files func(folder), path, status string) (last store.ImportSummary, dir string) {
	s.t.Helper()
	f := folder{t: s.t, dir: s.t.TempDir()}
	files(f)
	domain := strings.ReplaceAll(name, " ", "-") + ".example"
	s.AddSite(s.t, domain)
	args, err := json.Marshal(map[string][]string{"paths": {filepath.Join(f.dir, path)}})
	require.NoError(s.t, err)
	settings := s.Settings.Import
	settings.ChunkRows = 20
	imp, err := s.Starter.StartImport(enginetest.Context(s.t), starter.Request{
		Site: domain, Source: "csv", Args: args, Settings: &settings,
	})
	require.NoError(s.t, err)
	return s.end(imp, status), f.dir
}
