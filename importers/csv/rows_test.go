package csv

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/importertest"
)

const devicesName = "imported_devices_20210101_20210131.csv"

// TestRejects has the exact text of everything that is wrong with a row, one row
// each, between good rows.
func TestRejects(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1<<20)
	bad := []string{
		`,x,1,1`, `01.02.2021,x,1,1`, `2021-1-2,x,1,1`, `2021-02-30,x,1,1`, `1969-12-31,x,1,1`, `2149-06-07,x,1,1`,
		`2021-01-01 ,x,1,1`, `"2021-01-01T00:00:00Z",x,1,1`, `0000-00-00,x,1,1`, strings.Repeat("\x00", 10) + ",x,1,1",
		`2021-01-01,x,-1,1`, `2021-01-01,x,+1,1`, `2021-01-01,x,12.0,1`, `2021-01-01,x,.5,1`, `2021-01-01,x,1e3,1`, `2021-01-01,x," 1",1`,
		`2021-01-01,x,18446744073709551616,1`, `2021-01-01,x,99999999999999999999999,1`, `2021-01-01,x,1,4294967296`, `2021-01-01,x,1,-1`,
		"2021-01-01,x\x00y,1,1", "2021-01-01,12345678\x00,1,1", "2021-01-01,caf\xe9,1,1", "2021-01-01,12345678\xff,1,1",
		`2021-01-01,x,1`, `2021-01-01`, `2021-01-01,x,1,1,`, `2021-01-01,x"y,1,1`, `2021-01-01,"x"y,1,1`, `2021-01-01,"x,1,1`,
		`2021-01-01,` + long + `,1,1`, `2021-02-30,x,-1,y`, `1970-01-01,x,1,y`,
	}
	good := []string{
		`2021-01-01,x,1,1`, `"2021-01-01","a ""b"", c",,`, `1970-01-01,,18446744073709551615,4294967295`,
		`2149-06-06,日本,00012,1`, "2021-01-01,\"two\nlines\",1,1", `2021-01-01,0123456789é,1,1`,
	}
	var text strings.Builder
	text.WriteString("date,device,visitors,bounces\n")
	for i, row := range bad {
		text.WriteString(good[i%len(good)] + "\n\r\n" + row + "\n")
	}
	dir := files{devicesName: text.String()}.write(t)
	copies, err := readOnly(t, 1000, filepath.Join(dir, devicesName))
	require.NoError(t, err)
	require.Len(t, copies, 1)
	require.Len(t, copies[0].Rows, len(bad))
	require.Len(t, copies[0].Rejects, len(bad))

	var said strings.Builder
	for _, r := range copies[0].Rejects {
		require.Equal(t, devicesName, r.File)
		fmt.Fprintf(&said, "%d %s: %s\n\t%.60q\n", r.Line, r.Column, r.Reason, r.Sample)
	}
	golden(t, said.String(), dir)
}

func TestValuesArriveWhole(t *testing.T) {
	t.Parallel()
	dir := files{devicesName: "\xef\xbb\xbfbounces,\"device\",date,visitors\r\n" +
		"4294967295,\"a \"\"b\"\",\r\nc\",2021-01-01,18446744073709551615\r\n,,1970-01-02,\r\n7,日本,\"2149-06-06\",\"007\""}.write(t)
	copies, err := readOnly(t, 1000, filepath.Join(dir, devicesName))
	require.NoError(t, err)
	require.Equal(t, []string{
		"18628\t\"a \\\"b\\\",\\r\\nc\"\t18446744073709551615\t0\t0\t0\t4294967295\t",
		"1\t\"\"\t0\t0\t0\t0\t0\t",
		"65535\t\"日本\"\t7\t0\t0\t0\t7\t",
	}, copies[0].Rows, "columns that the file lacks are zero")
	require.Empty(t, copies[0].Rejects)
}

// A bad row is a reject whatever its date. A good row of a day that is not in the file's name
// is out of range; one of a day that is, but is taken, is left out.
func TestWindow(t *testing.T) {
	t.Parallel()
	dir := files{goodName: "date,visitors\n2021-01-01,1\n2021-01-02,2\n2021-01-05,3\n2021-01-05,x\n2021-01-02,y\n" +
		"2020-12-31,4\n2022-01-01,5\n2020-12-31,z\n"}.write(t)
	imp, _ := run(t, 1000, dir)
	plan, err := New().Plan(t.Context(), imp)
	require.NoError(t, err)
	imp.Window = calendar.NewSet(calendar.Range{First: 18629, Last: 18630}) // 2021-01-02 and the day after
	copies, err := importertest.ReadPart(t.Context(), New(), imp, plan.Parts[0], "")
	require.NoError(t, err)
	require.Len(t, copies, 1)
	require.Equal(t, []string{"18629\t2\t0\t0\t0\t0\t"}, copies[0].Rows)
	require.Equal(t, int64(2), copies[0].LeftOut)
	require.Equal(t, int64(2), copies[0].OutOfRange)
	require.Len(t, copies[0].Rejects, 3)
	require.Equal(t, int64(8), copies[0].RowsRead)
	require.Equal(t, "2021-01-01..2021-01-31", plan.Parts[0].Days.String(), "the days in the name")
}

func TestTruncated(t *testing.T) {
	t.Parallel()
	whole := "date,device,visitors\n2021-01-01,x,1\n2021-01-02,\"a\nb\",2\n"
	for name, tc := range map[string]struct {
		text    string
		wantErr bool
	}{
		"in the first value":     {whole + "2021-0", true},
		"behind a comma":         {whole + "2021-01-03,", true},
		"in quotes":              {whole + "2021-01-03,\"ab", true},
		"in the second line":     {whole + "2021-01-03,\"a\nb", true},
		"all but the line end":   {strings.TrimSuffix(whole, "\n"), false},
		"a short row, ended":     {whole + "2021-01-03\n", false},
		"an open quote, ended":   {whole + "2021-01-03,\"x\n", false},
		"too many values, ended": {whole + "2021-01-03,x,1,1", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := files{devicesName: tc.text}.write(t)
			_, err := readOnly(t, 1, filepath.Join(dir, devicesName))
			if !tc.wantErr {
				require.NoError(t, err)
				return
			}
			class, _ := importers.ClassOf(err)
			require.Equal(t, importers.ClassInput, class)
			require.ErrorContains(t, err, devicesName)
			require.ErrorContains(t, err, "ends within a row: the file is truncated")
		})
	}
}

// A chunk ends after MaxRejects rejects, however large the limits.
func TestMaxRejects(t *testing.T) {
	t.Parallel()
	dir := files{goodName: "date,visitors\n" + strings.Repeat("bad\n", importers.MaxRejects+3)}.write(t)
	copies, err := readOnly(t, 1<<30, filepath.Join(dir, goodName))
	require.NoError(t, err)
	require.Len(t, copies, 2)
	require.Len(t, copies[0].Rejects, importers.MaxRejects)
	require.Len(t, copies[1].Rejects, 3)
	require.Equal(t, int64(importers.MaxRejects+4), copies[1].Rejects[2].Line)
}
