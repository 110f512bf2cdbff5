package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	importacts "github.com/sluicehq/sluice/activities/importing"
)

const visitorsHeader = "date,visitors,pageviews,bounces,visits,visit_duration\n"

// export is the files of a CSV export by their names.
type export map[string]string

func (e export) write(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range e {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

// december has a row of visitors for each of six days, as they are written.
func december(day func(n int) string) export {
	var rows strings.Builder
	rows.WriteString(visitorsHeader)
	for n := 25; n <= 30; n++ {
		fmt.Fprintf(&rows, "%s,5,50,2,7,8640\n", day(n))
	}
	return export{"imported_visitors_20111225_20111230.csv": rows.String()}
}

func iso(n int) string { return fmt.Sprintf("2011-12-%02d", n) }

// Success is proven by what was loaded. Whatever an export of nothing or of bad rows ends
// with, it takes no day: the good export is imported afterwards. The dry run exits like the
// import.
func TestProofOfSuccess(t *testing.T) {
	t.Parallel()
	good := december(iso)
	for name, tc := range map[string]struct {
		files  export
		status string
		says   []string
		warned int
	}{
		"dates of a spreadsheet": {
			files: december(func(n int) string { return fmt.Sprintf("%02d/12/2011", n) }), status: "failed",
			says: []string{"no row of 6 can be loaded: all are rejected; for instance line 2, date: not a date"},
		},
		"spaces around values": {
			files: december(func(n int) string { return " " + iso(n) }), status: "failed",
			says: []string{"no row of 6 can be loaded: all are rejected"},
		},
		"days of another name": {
			files: export{"imported_visitors_20150101_20150131.csv": december(iso)["imported_visitors_20111225_20111230.csv"]},
			says: []string{"no row of 6 can be loaded: 6 rows are dated outside 2015-01-01..2015-01-31, the days in the file's " +
				"name or in the report's request, for instance 2011-12-25"},
			status: "failed",
		},
		"header only": {
			files: export{"imported_visitors_20111225_20111230.csv": visitorsHeader}, status: "unchanged", warned: 1,
			says: []string{"warn", "no rows to load; the part claims no day", "Unchanged: the source has no rows"},
		},
		"header only, of the epoch": {
			files:  export{"imported_visitors_19700101_19700101.csv": visitorsHeader, "imported_pages_19700101_19700101.csv": "date\n"},
			status: "unchanged", warned: 2, says: []string{"Unchanged: the source has no rows"},
		},
		"more than half is bad": {
			files: export{"imported_visitors_20111225_20111230.csv": visitorsHeader +
				"2011-12-25,1,1,1,1,1\n2011-12-26,x,1,1,1,1\n2011-12-27,x,1,1,1,1\n"},
			status: "failed", says: []string{"2 of 3 rows are rejected, more than 50 %, the limit of a part (import.max_reject_ceiling)"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, s := start(t)
			s.ok(t, "site", "add", "example.com")
			dir := tc.files.write(t)
			code := exitDone
			if tc.status == "failed" {
				code = exitFailure
			}
			dry := s.run(t, "import", "start", "csv", dir, "--site", "example.com", "--dry-run", "-o", "json")
			require.Equal(t, code, dry.code, dry.out)
			var report importacts.DryRunReport
			require.NoError(t, json.Unmarshal([]byte(dry.out), &report))
			require.Equal(t, tc.status == "unchanged", report.Unchanged != "")
			require.Equal(t, tc.status == "failed", report.Error != "")

			r := s.run(t, "import", "start", "csv", dir, "--site", "example.com", "--wait")
			require.Equal(t, code, r.code, r.err)
			require.Contains(t, r.out, "Status      "+tc.status)
			logs := s.ok(t, "import", "logs", "1")
			for _, said := range tc.says {
				require.Contains(t, logs, said)
			}
			if tc.warned > 0 {
				require.Regexp(t, fmt.Sprintf("(?m)^%d warnings? .*in the log: see `sluice import logs 1`", tc.warned), r.out)
			}
			var i seen
			s.json(t, &i, "import", "show", "1")
			require.EqualValues(t, tc.warned, i.Warnings)
			require.Equal(t, i.RowsRead, i.Loaded+i.Purged+i.Rejected+i.OutOfRange+i.LeftOut)

			require.Contains(t, s.ok(t, "import", "start", "csv", good.write(t), "--site", "example.com", "--wait"),
				"Status      completed", "no day was taken")
		})
	}
}

// A table that an earlier import of the same days does not have is imported later; a table
// that it has is refused, with the commands that help.
func TestLateTable(t *testing.T) {
	t.Parallel()
	_, s := start(t)
	s.ok(t, "site", "add", "example.com")
	begin := func(files export) result {
		return s.run(t, "import", "start", "csv", files.write(t), "--site", "example.com", "--wait")
	}
	first := begin(december(iso))
	require.Equal(t, exitDone, first.code, first.err)
	late := begin(export{"imported_pages_20111225_20111230.csv": "date,hostname,page,visitors\n2011-12-27,e.com,/,1\n"})
	require.Equal(t, exitDone, late.code, late.err)
	require.Contains(t, late.out, "Imported    2011-12-27..2011-12-27")

	again := begin(export{"imported_visitors_20111226_20111227.csv": visitorsHeader + "2011-12-26,9,9,9,9,9\n"})
	require.Equal(t, exitFailure, again.code)
	require.Contains(t, again.out, "imported already: 2011-12-26..2011-12-27, by import 1;")
	require.Contains(t, again.out, "to import these days anew, delete import 1 first (`sluice import show 1`, `sluice import delete 1`)")
	s.ok(t, "import", "delete", "1")
	require.Contains(t, s.ok(t, "import", "list"), "csv")
	anew := begin(export{"imported_visitors_20111226_20111227.csv": visitorsHeader + "2011-12-26,9,9,9,9,9\n"})
	require.Equal(t, exitDone, anew.code, anew.err)

	// The days around are free: rows of those are loaded, the others are left out.
	around := begin(december(iso))
	require.Equal(t, exitDone, around.code, around.err)
	require.Contains(t, around.out, "6 rows read = 5 loaded + 0 rejected + 0 out of range + 1 left out")
	// By now all of it is there.
	nothing := begin(export{"imported_visitors_20111201_20111231.csv": december(iso)["imported_visitors_20111225_20111230.csv"]})
	require.Equal(t, exitDone, nothing.code, nothing.err)
	require.Contains(t, nothing.out, "Status      unchanged")
	require.Contains(t, nothing.out, "6 rows read = 0 loaded + 0 rejected + 0 out of range + 6 left out")
}
