package csv

import (
	"bytes"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/importertest"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// FuzzReader reads any file: every row is counted, rejects respect their
// limits, and from every cursor the same rows follow.
func FuzzReader(f *testing.F) {
	f.Add([]byte(goodText), uint8(2))
	f.Add([]byte(conformanceText()), uint8(5))
	f.Add([]byte("date,device\n2021-01-01,\"x\n2021-01-01,y\n\n\x00,z\n2021-01-01"), uint8(1))
	f.Add([]byte("device,visitors,date,bounces\r\n\xff,99999999999999999999,2021-02-30,4294967296\r\n"), uint8(1))
	f.Add([]byte("sep=,\rDate, visitors ,,\r2021-01-01,1\r\\N,,,\r,,,\r2021-01-02,\\N,x,\r"), uint8(1))
	f.Fuzz(func(t *testing.T, text []byte, rows uint8) {
		path := filepath.Join(t.TempDir(), devicesName)
		require.NoError(t, os.WriteFile(path, text, 0o600))
		imp, _ := run(t, int(rows)+1, path)
		plan, err := New().Plan(t.Context(), imp)
		if err != nil {
			requireInputFault(t, err)
			return
		}
		plan.Parts[0].Days = calendar.NewSet(calendar.Range{First: 18_628, Last: 18_700})
		imp.Window = calendar.NewSet(calendar.Range{First: 18_628, Last: 18_630})
		all, err := importertest.ReadPart(t.Context(), New(), imp, plan.Parts[0], "")
		if err != nil {
			requireInputFault(t, err)
			return
		}
		for i, c := range all {
			require.Equal(t, c.RowsRead, int64(len(c.Rows)+len(c.Rejects))+c.OutOfRange+c.LeftOut)
			require.LessOrEqual(t, c.RowsRead, int64(rows)+1)
			for _, r := range c.Rejects {
				require.LessOrEqual(t, len(r.Sample), importers.MaxSample)
				require.NotEmpty(t, r.Reason)
				require.True(t, utf8.ValidString(r.Sample))
				require.LessOrEqual(t, r.Line, int64(bytes.Count(text, []byte("\n"))+bytes.Count(text, []byte("\r"))+1))
			}
			rest, err := importertest.ReadPart(t.Context(), New(), imp, plan.Parts[0], c.Next)
			require.NoError(t, err)
			require.Equal(t, append([]importertest.Copy{}, all[i+1:]...), append([]importertest.Copy{}, rest...))
		}
	})
}

func requireInputFault(t *testing.T, err error) {
	t.Helper()
	class, _ := importers.ClassOf(err)
	require.Equal(t, importers.ClassInput, class, "%v", err)
	require.True(t, utf8.ValidString(err.Error()))
}

// FuzzName: a name that is accepted says what it was read as.
func FuzzName(f *testing.F) {
	for _, name := range []string{goodName, "pages_20210101_20211231.csv.gz", "imported_custom_props_20210101_20211231.csv", "x.csv", "_20210101_20211231.csv", "pages_20210101_20211231 (1).csv", "Visitors_20210101_20211231 - copy (2).CSV (1).gz"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got, err := parseName(name)
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			return
		}
		require.NoError(t, got.days.Validate())
		again, err := parseName(got.table.Name + got.days.First.Time().Format("_20060102") + got.days.Last.Time().Format("_20060102") + ".csv")
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}

// FuzzArgs: what is accepted has a normal form that is stable.
func FuzzArgs(f *testing.F) {
	for _, args := range []string{`{"paths": ["/a", "/b/../c"]}`, `{"paths": []}`, `{"paths": ["/a"], "x": 1}`, `[]`, `{"paths": null}`} {
		f.Add([]byte(args))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		normal, err := New().ParseArgs(raw)
		if err != nil {
			return
		}
		var args Args
		require.NoError(t, json.Unmarshal(normal, &args))
		for _, path := range args.Paths {
			require.True(t, filepath.IsAbs(path))
		}
		again, err := New().ParseArgs(normal)
		require.NoError(t, err)
		require.Equal(t, string(normal), string(again))
	})
}

// FuzzCursor: what is accepted is what is written.
func FuzzCursor(f *testing.F) {
	for _, c := range []string{"1:0:1", "1:12:3", "2:1:1", "1:-1:1", "::"} {
		f.Add(c)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseCursor(importers.Cursor(text))
		if err != nil {
			return
		}
		again, err := parseCursor(p.cursor())
		require.NoError(t, err)
		require.Equal(t, p, again)
	})
}

// FuzzValues holds the parsers of values, written for speed, against slow ones.
func FuzzValues(f *testing.F) {
	for _, v := range []string{"", "0", "12.0", "-1", "18446744073709551615", "18446744073709551616", "2021-02-29", "2149-06-07", "x\x00y", "12345678\x80", "日本語日本語"} {
		f.Add([]byte(v))
	}
	f.Fuzz(func(t *testing.T, v []byte) {
		n, ok := parseUint(v)
		slow, isNumber := new(big.Int).SetString(string(v), 10)
		want := len(v) == 0 || allDigits(v) && isNumber && slow.IsUint64()
		require.Equal(t, want, ok)
		if ok && len(v) > 0 {
			require.Equal(t, slow.Uint64(), n)
		}
		if !ok {
			require.NotEmpty(t, whyNotUint(v, schema.KindUint64))
		}
		require.Equal(t, utf8.Valid(v) && !bytes.Contains(v, []byte{0}), isText(v))

		cache := newDateCache(nil)
		day, err := calendar.ParseDay(string(v))
		require.Equal(t, err == nil, cache.set(v))
		if err == nil {
			require.Equal(t, uint16(day), cache.day)
			return
		}
		require.NotEmpty(t, whyNotDate(v))
	})
}

// FuzzMember: a member's path that is accepted leads nowhere but into the archive,
// whichever way its slashes lean.
func FuzzMember(f *testing.F) {
	for _, name := range []string{`export\x.csv`, `..\x`, "C:/x", "a/../x", "/x", `a\..\..\x`, "x/"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		clean := slashes(name)
		require.NotContains(t, clean, `\`)
		if refusePath(clean) != nil {
			return
		}
		require.True(t, filepath.IsLocal(filepath.Join("archive", clean)))
		require.NotContains(t, strings.Split(clean, "/"), "..")
		require.False(t, strings.HasPrefix(clean, "/"))
	})
}
