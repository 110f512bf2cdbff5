package e2e

import (
	"archive/zip"
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
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

const (
	names   = "[imported_]<table>_YYYYMMDD_YYYYMMDD.csv[.gz], where <table> is one of " + tables
	tables  = "browsers, custom_events, devices, entry_pages, exit_pages, locations, operating_systems, pages, sources, visitors"
	columns = "date,visitors,pageviews,bounces,visits,visit_duration"
	cutOff  = visitorsFile + ":3: ends within a row: the file is truncated; export or copy it again"
)

// badInput is something that cannot be imported at all.
type badInput struct {
	files func(f folder)
	// path is what to import, in the folder; by default all of it.
	path string
	// err is the error, with . for the folder; its class is bad_input by default.
	err, class string
}

var badInputs = map[string]badInput{
	"wrong header": {
		files: func(f folder) { f.write(visitorsFile, "date,visitors,clicks\n2021-01-01,1,2\n") },
		err: "./" + visitorsFile + `:1:15: unknown column "clicks"; --args '{"leave_out_unknown_columns": true}' skips it; expected: ` +
			columns,
	},
	"no header": {
		files: func(f folder) { f.write(visitorsFile, goodRow) },
		err:   "./" + visitorsFile + ":1:1: the header is missing: the first line contains data; expected: " + columns,
	},
	"truncated": {
		files: func(f folder) { f.visitors(goodRow, "2021-01-02,1,2") },
		err:   cutOff,
	},
	"truncated in quotes": {
		files: func(f folder) { f.visitors(goodRow, `2021-01-02,"1,2`) },
		err:   cutOff,
	},
	"binary": {
		files: func(f folder) { f.write(visitorsFile, "\x7fELF\x02\x01\x01\x00\x00\x00") },
		err: "./" + visitorsFile + ": is binary, not text: its first line contains a NUL byte; expected CSV text with the header: " +
			columns,
	},
	"empty file": {
		files: func(f folder) { f.write(visitorsFile, "") },
		err:   "./" + visitorsFile + ": has no header; expected: " + columns,
	},
	"duplicate": {
		files: func(f folder) {
			f.visitors(goodRow)
			f.write("visitors_20210201_20210228.csv", header)
		},
		err: "./visitors_20210201_20210228.csv: has the same table, imported_visitors, as ./" + visitorsFile +
			": an import takes one file per table; import them one after the other",
	},
	"missing": {
		files: func(folder) {}, path: "nowhere",
		err: "./nowhere: does not exist on the worker's machine",
	},
	"nothing in it": {
		files: func(f folder) { f.write("readme.txt", "hello") },
		err: "there is nothing to import: no file is named like an export; expected: " + names +
			"\n./readme.txt was ignored: in a directory, only .csv and .csv.gz files are imported",
	},
	"a folder named like a file": {
		files: func(f folder) { require.NoError(f.t, os.Mkdir(filepath.Join(f.dir, visitorsFile), 0o700)) },
		err: "there is nothing to import: no file is named like an export; expected: " + names + "\n./" + visitorsFile +
			" is a sub-directory and was not searched: name it too if it contains files to import",
	},
	"impossible date in its name": {
		files: func(f folder) { f.write("imported_visitors_20210230_20210301.csv", header) },
		err: "./imported_visitors_20210230_20210301.csv: has the non-existent date 20210230 in its name: " +
			"want a date written as YYYYMMDD",
	},
	"zip bomb": {
		files: func(f folder) { f.zip(visitorsFile, header+strings.Repeat("0", 80<<20)) }, path: "export.zip",
		err: "./export.zip/" + visitorsFile +
			": is more than 200 times larger than its compressed form, as in an archive made to blow up",
	},
	"path traversal": {
		files: func(f folder) { f.zip("../"+visitorsFile, header+goodRow) }, path: "export.zip",
		err: "./export.zip/../" + visitorsFile +
			": its path leads, or may lead, out of the archive: pack the files again without their directories",
	},
	"no zip": {
		files: func(f folder) { f.write("export.zip", "PK\x03\x04 but no more") }, path: "export.zip",
		err: "./export.zip: is not a zip archive, or is truncated: export or copy it again",
	},
	"too many rejects": {
		files: func(f folder) {
			f.visitors(strings.Repeat(goodRow, 50), strings.Repeat("2021-01-02,-1,2,3,4,5\n", 150))
		},
		class: "too_many_rejects",
		err: visitorsFile + ": 110 of the first 160 rows are rejected, more than the limit of 100 rows or 1 %; " +
			"for instance line 52, visitors: negative number: want 0 or more",
	},
}

// The superuser can read everything.
func init() {
	if os.Geteuid() == 0 {
		return
	}
	badInputs["unreadable"] = badInput{
		files: func(f folder) {
			f.visitors(goodRow)
			require.NoError(f.t, os.Chmod(filepath.Join(f.dir, visitorsFile), 0))
		},
		class: "access_denied",
		err:   "./" + visitorsFile + ": permission denied: give the worker read access",
	}
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
			last, dir := s.importFiles(name, tc.files, tc.path, importstore.StatusFailed)
			require.Equal(t, tc.err, strings.ReplaceAll(last.Import.Error, dir, "."))
			require.Equal(t, cmp.Or(tc.class, "bad_input"), last.Import.ErrorClass)
			lines := s.feedback(last.Import.ID)
			require.Equal(t, "error: "+last.Import.Error, lines[len(lines)-1], "the log ends with it")
		})
	}
}

// importFiles writes files and imports them into a site of their own.
func (s *system) importFiles(name string, files func(folder), path, status string) (last importstore.Summary, dir string) {
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
