package clickhouse

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnalyse(t *testing.T) {
	t.Parallel()
	const (
		plain  = statementPlain
		sel    = statementSelect
		insert = statementInsert
		input  = statementInput
	)
	for _, tc := range []struct {
		sql    string
		kind   statementKind
		format string
		run    string // what the engine gets
		data   string
	}{
		{"SELECT 1", sel, "", "SELECT 1\nINTO OUTFILE '/p' TRUNCATE FORMAT F", ""},
		{"select 1 ; -- end", sel, "", "select 1 \nINTO OUTFILE '/p' TRUNCATE FORMAT F", ""},
		{"SELECT 1 FORMAT JSON", sel, "JSON", "SELECT 1 \nINTO OUTFILE '/p' TRUNCATE FORMAT JSON", ""},
		{"SELECT 1 format JSON SETTINGS a = 1;", sel, "JSON", "SELECT 1 \nINTO OUTFILE '/p' TRUNCATE format JSON SETTINGS a = 1", ""},
		{"WITH 1 AS x SELECT x -- FORMAT CSV", sel, "", "WITH 1 AS x SELECT x -- FORMAT CSV\nINTO OUTFILE '/p' TRUNCATE FORMAT F", ""},
		{"SELECT format FROM t", sel, "", "SELECT format FROM t\nINTO OUTFILE '/p' TRUNCATE FORMAT F", ""},
		{"SELECT ' FORMAT CSV', (SELECT 1 FORMAT)", sel, "", "SELECT ' FORMAT CSV', (SELECT 1 FORMAT)\nINTO OUTFILE '/p' TRUNCATE FORMAT F", ""},
		{"/* ; */ CREATE TABLE t (a String DEFAULT ';')", plain, "", "", ""},
		{"SHOW TABLES FORMAT CSV", plain, "CSV", "", ""},
		{"WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x", plain, "", "", ""},
		{"INSERT INTO t SELECT 1", plain, "", "", ""},
		{"INSERT INTO t (a) (SELECT 1)", plain, "", "", ""},
		{"INSERT INTO t WITH 1 AS x SELECT x", plain, "", "", ""},

		{"INSERT INTO t FORMAT CSV\n1\n\n", insert, "CSV", "INSERT INTO t  FROM INFILE '/p' COMPRESSION 'none'  FORMAT CSV", "1\n\n"},
		{"INSERT INTO t FORMAT Native \t\r\n\n", insert, "Native", "INSERT INTO t  FROM INFILE '/p' COMPRESSION 'none'  FORMAT Native", "\n"},
		{"insert into db.`t)` (a, `b(`) values (1, ');')", insert, "Values", "insert into db.`t)` (a, `b(`)  FROM INFILE '/p' COMPRESSION 'none'  FORMAT Values", " (1, ');')"},
		{"INSERT INTO values VALUES (1)", insert, "Values", "INSERT INTO values  FROM INFILE '/p' COMPRESSION 'none'  FORMAT Values", " (1)"},
		{"INSERT INTO TABLE t (a) SETTINGS x = 1, y = 'FORMAT z' FORMAT TSV\n1", insert, "TSV", "INSERT INTO TABLE t (a)  FROM INFILE '/p' COMPRESSION 'none' SETTINGS x = 1, y = 'FORMAT z'  FORMAT TSV", "1"},
		{"INSERT INTO FUNCTION null('a UInt8') FORMAT TSV\n1", insert, "TSV", "INSERT INTO FUNCTION null('a UInt8')  FROM INFILE '/p' COMPRESSION 'none'  FORMAT TSV", "1"},
		{"INSERT INTO t (a)", insert, "Values", "INSERT INTO t (a) FROM INFILE '/p' COMPRESSION 'none'  FORMAT Values", ""},
		{"INSERT INTO t (format) FORMAT CSV 1", insert, "CSV", "INSERT INTO t (format)  FROM INFILE '/p' COMPRESSION 'none'  FORMAT CSV", "1"},
		{
			"INSERT INTO t SELECT a FROM input('a UInt8, b String') WHERE a > (1) FORMAT CSV\n1,x", input, "CSV",
			"INSERT INTO t SELECT a FROM `t` WHERE a > (1) ", "1,x",
		},
	} {
		t.Run(tc.sql, func(t *testing.T) {
			t.Parallel()
			st, ok, err := analyse(tc.sql, false)
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, tc.kind, st.kind)
			require.Equal(t, tc.format, st.format)
			switch tc.kind {
			case sel:
				require.Equal(t, tc.run, st.into("/p", "F"))
				require.True(t, st.readOnly)
			case input:
				require.Equal(t, tc.run, st.over("t"))
				require.Equal(t, tc.data, tc.sql[st.dataAt:])
			case insert:
				require.Equal(t, tc.run, st.fed("/p"))
				require.Equal(t, tc.data, tc.sql[st.dataAt:])
			}
		})
	}
}

func TestAnalyseBeginning(t *testing.T) {
	t.Parallel()
	const whole = "INSERT INTO `some`.table (a, b) SETTINGS x = 'y' FORMAT CSVWithNames\nrest"
	start := strings.Index(whole, "rest")
	for n := range whole {
		st, ok, err := analyse(whole[:n], true)
		require.NoError(t, err)
		require.Equal(t, n > start, ok, whole[:n])
		if ok {
			require.Equal(t, "CSVWithNames", st.format)
			require.Equal(t, start, st.dataAt)
		}
	}
	_, ok, err := analyse("SELECT 1", true)
	require.NoError(t, err)
	require.False(t, ok, "a query is not whole before its end is seen")
}

func TestAnalyseErrors(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"SELECT 1; SELECT 2":                           "Multi-statements are not allowed",
		"INSERT INTO t SELECT 1; DROP TABLE t":         "Multi-statements are not allowed",
		"SELECT 1 INTO OUTFILE 'x'":                    "INTO OUTFILE is not allowed",
		"INSERT INTO t FROM INFILE 'x' FORMAT CSV":     "FROM INFILE is not allowed",
		"INSERT INTO t FORMAT CSV;\n1":                 "excessive ';'",
		"INSERT INTO t SELECT * FROM input('a UInt8')": "FORMAT must be specified",
	} {
		_, _, err := analyse(sql, false)
		require.ErrorContains(t, err, want, sql)
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	require.Equal(t, `'it\'s \\'`, quote(`it's \`))
	require.Equal(t, "`a\\`b\\\\`", quoteName("a`b\\"))
}

// FuzzAnalyse looks for statements that are taken apart wrongly: positions
// outside of the text, or a rewriting that does not keep what surrounds it.
func FuzzAnalyse(f *testing.F) {
	for _, sql := range []string{
		"SELECT 1", "INSERT INTO t (a, b) SETTINGS x = 1 FORMAT Native\n\x00", "INSERT INTO t VALUES (1)",
		"INSERT INTO t SELECT a FROM input('a UInt8') FORMAT CSV\n1", "SELECT 1 FORMAT JSON SETTINGS a=1;",
		"INSERT INTO `a\\`b`.\"c\"\"d\" FORMAT CSV 1", "SELECT $tag$ ; $tag$", "/* -- */ # x\nSELECT 1", "SELECT '\\", "INSERT INTO t ;",
	} {
		f.Add(sql, false)
		f.Add(sql, true)
	}
	f.Fuzz(func(t *testing.T, sql string, more bool) {
		st, ok, err := analyse(sql, more)
		if err != nil || !ok {
			return
		}
		require.True(t, strings.HasPrefix(sql, st.text))
		require.True(t, 0 <= st.formatAt && st.formatAt <= len(st.text))
		require.True(t, 0 <= st.dataAt && st.dataAt <= len(sql))
		switch st.kind {
		case statementSelect:
			added := len("\nINTO OUTFILE '/p' TRUNCATE ")
			if st.format == "" {
				added += len("FORMAT F")
			}
			require.Len(t, st.into("/p", "F"), len(st.text)+added)
		case statementInsert:
			require.True(t, 0 <= st.sourceAt && st.sourceAt <= st.formatAt)
			require.True(t, strings.HasPrefix(st.fed("/p"), st.text[:st.sourceAt]))
			require.True(t, strings.HasSuffix(st.fed("/p"), " FORMAT "+st.format))
		case statementInput:
			require.Contains(t, st.over("t"), "`t`")
			require.True(t, strings.HasSuffix(st.over("t"), st.text[st.input.end:]))
		}
		if !more {
			// The data that are there must not change how the head reads.
			again, ok, err := analyse(sql+"\n1", true)
			if err == nil && ok && st.dataAt > 0 && st.dataAt < len(sql) {
				require.Equal(t, st.text, again.text)
			}
		}
	})
}
