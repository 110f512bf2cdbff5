package clickhouse

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// secretFile is a file that no client may read.
func secretFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret.tsv")
	require.NoError(t, os.WriteFile(path, []byte("hunter2\n"), 0o600))
	return path
}

// Clients reach no file, program or server by way of the engine.
func TestEngineIsConfined(t *testing.T) {
	t.Parallel()
	b := setup(t)
	secret, made := secretFile(t), filepath.Join(t.TempDir(), "made")
	other := quote("http://" + address + "/?query=SELECT+1")
	b.exec(t, "CREATE TABLE texts (s String) ENGINE = MergeTree ORDER BY s")
	for _, sql := range []string{
		"SELECT * FROM file(" + quote(secret) + ", 'LineAsString')",
		"SELECT file(" + quote(secret) + ")",
		"SELECT FILE /* so */ (" + quote(secret) + ")",
		"SELECT file\u00a0(" + quote(secret) + ")",
		"SELECT \u00a0file \u2003 (" + quote(secret) + ")",
		"SELECT `file`(" + quote(secret) + "), \"file\"(" + quote(secret) + ")",
		"SELECT `fil\\x65`(" + quote(secret) + ")",
		"WITH x -> file(x) AS f SELECT f(" + quote(secret) + ")",
		"CREATE TABLE defaults (s String DEFAULT file(" + quote(secret) + ")) ENGINE = Memory",
		"CREATE FUNCTION reads AS x -> file(x)",
		"INSERT INTO texts SELECT file(" + quote(secret) + ")",
		"INSERT INTO texts VALUES (file(" + quote(secret) + "))",
		"INSERT INTO texts VALUES ('a'), ('it''s \\\\'), (/* ' */ file(" + quote(secret) + "))",
		"INSERT INTO texts VALUES (\"'\", file(" + quote(secret) + "))",
		"INSERT INTO texts VALUES (concat('a', File\n (" + quote(secret) + ")))",
		"INSERT INTO texts FROM INFILE " + quote(secret) + " FORMAT TSV",
		"INSERT INTO texts SELECT * FROM texts INTO OUTFILE " + quote(made) + " FORMAT TSV",
		"SELECT 1 INTO OUTFILE " + quote(made), "SELECT 1 INTO\u00a0OUTFILE " + quote(made), "(SELECT 1 INTO OUTFILE " + quote(made) + ")",
		"INSERT INTO FUNCTION file(" + quote(made) + ", 'TSV', 's String') VALUES ('x')",
		"CREATE TABLE files (s String) ENGINE = File('LineAsString', " + quote(secret) + ")",
		"CREATE TABLE rocks (a UInt64, s String) ENGINE = EmbeddedRocksDB(0, " + quote(made) + ") PRIMARY KEY a",
		"CREATE TABLE rocks (a UInt64, s String) ENGINE `EmbeddedRocksDB`(0, " + quote(made) + ") PRIMARY KEY a",
		"CREATE DATABASE folder ENGINE = Filesystem(" + quote(filepath.Dir(secret)) + ")",
		"SELECT * FROM filesystem(" + quote(filepath.Dir(secret)) + ")", "SELECT * FROM fileCluster('c', " + quote(secret) + ", 'LineAsString')",
		"SELECT * FROM icebergLocal(" + quote(filepath.Dir(secret)) + ")", "SELECT * FROM deltaLakeLocal(" + quote(filepath.Dir(secret)) + ")",
		"SELECT * FROM sqlite(" + quote(made) + ", 't')", "CREATE DATABASE lite ENGINE = SQLite(" + quote(made) + ")", "SELECT * FROM url(" + other + ", 'LineAsString')",
		"CREATE TABLE urls (s String) ENGINE = URL(" + other + ", 'LineAsString')",
		"SELECT * FROM s3('http://" + address + "/b/k', 'TSV')", "SELECT * FROM remote('" + nativeAddress + "', system.one)",
		"SELECT * FROM executable('id', 'TSV', 's String')", "SELECT * FROM mysql('127.0.0.1:1', 'd', 't', 'u', 'p')",
		"SELECT * FROM postgresql('127.0.0.1:1', 'd', 't', 'u', 'p')",
		"CREATE DICTIONARY files (id UInt64, s String) PRIMARY KEY id SOURCE(FILE(PATH " + quote(secret) + " FORMAT 'TSV')) LIFETIME(0) LAYOUT(FLAT())",
		"CREATE DICTIONARY runs (id UInt64, s String) PRIMARY KEY id SOURCE(EXECUTABLE(COMMAND 'touch " + made + "' FORMAT 'TSV')) LIFETIME(0) LAYOUT(FLAT())",
		"BACKUP TABLE texts TO File(" + quote(made) + ")", "GRANT FILE ON *.* TO default", "CREATE USER other",
		"CREATE TABLE disks (s String) ENGINE = MergeTree ORDER BY s SETTINGS disk = disk(type = 'local', path = " + quote(made+"/") + ")",
	} {
		status, _, text := post(t, "/?database="+b.database, sql, nil)
		require.NotEqual(t, http.StatusOK, status, sql)
		require.NotContains(t, text, "hunter2", sql)
		require.NoFileExists(t, made, sql)
		require.NoDirExists(t, made, sql)
	}
	// Neither by what a request brings along, nor over the native interface.
	form := url.Values{"database": {b.database}, "query": {"SELECT * FROM ext"}, "ext_structure": {"s String DEFAULT file(" + quote(secret) + ")"}}
	status, _, text := post(t, "/?"+form.Encode(), "--x\r\nContent-Disposition: form-data; name=\"ext\"; filename=\"e\"\r\n\r\n\r\n--x--\r\n",
		http.Header{"Content-Type": {"multipart/form-data; boundary=x"}})
	require.NotEqual(t, http.StatusOK, status)
	require.Contains(t, text, "file() is not allowed")
	native := setup(t, overNative)
	for _, sql := range []string{
		"SELECT file(" + quote(secret) + ")", "SELECT * FROM file(" + quote(secret) + ", 'LineAsString')",
		"INSERT INTO " + b.database + ".texts VALUES (file(" + quote(secret) + "))",
	} {
		require.Error(t, native.conn.Exec(native.ctx, sql), sql)
	}
	var rows uint64
	require.NoError(t, b.conn.QueryRow(b.ctx, "SELECT count() FROM texts WHERE s ILIKE '%hunter2%'").Scan(&rows))
	require.Zero(t, rows)
}

// Every table engine either keeps its data in the engine's folder or is refused.
func TestTableEnginesAreConfined(t *testing.T) {
	t.Parallel()
	b := setup(t)
	kept := []string{
		"Alias", "ArrowStream", "Buffer", "Dictionary", "Distributed", "Executable", "ExecutablePool", "FuzzJSON", "FuzzQuery", "GenerateRandom", "Join", "KeeperMap",
		"Log", "Loop", "MaterializedView", "Memory", "Merge", "Null", "Set", "StripeLog", "TimeSeries", "TinyLog", "View", "WindowView",
	}
	rows, err := b.conn.Query(b.ctx, "SELECT name FROM system.table_engines WHERE name NOT LIKE '%MergeTree' AND name NOT IN (?)", kept)
	require.NoError(t, err)
	var names []string
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(t, rows.Err())
	require.NoError(t, rows.Close())
	require.True(t, slices.Contains(names, "File"))
	for _, name := range names {
		create := "CREATE TABLE one (a UInt64) ENGINE = " + name + "('http://127.0.0.1:1/x', 'b', 'c', 'd', 'e')"
		plain, keyed := b.conn.Exec(b.ctx, create), b.conn.Exec(b.ctx, create+" PRIMARY KEY a")
		require.Error(t, plain, name)
		require.Error(t, keyed, name)
		assert.Contains(t, plain.Error()+keyed.Error(), "497", name)
	}
}

// Expressions that read nothing are values like others.
func TestValuesAreExpressions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, "CREATE TABLE made (d Date, s String, a Int64) ENGINE = Memory")
	status, _, text := post(t, "/?database="+b.database,
		"INSERT INTO made VALUES (toDate('2024-01-02'), 'file(''x'') -- /* \\' \" ` $', -1), (today(), concat('a', 'b'), 2 - 3), ('2024-01-01', 'profile (x)', 3)", nil)
	require.Equal(t, http.StatusOK, status, text)
	var n int64
	require.NoError(t, b.conn.QueryRow(b.ctx, "SELECT sum(a) FROM made").Scan(&n))
	require.EqualValues(t, 1, n)
}

func TestValuesReader(t *testing.T) {
	t.Parallel()
	for text, refused := range map[string]bool{
		"(1, 'file(1)')": false, "(profile(1))": false, "(file1(1))": false, "(a_file(1))": false, "(file)(1)": false, "('it''s', 'b\\'')": false,
		"(file, (1))": false, "('\\\\', 1 - 1)": false,
		"(file(1))": true, "(FILE (1))": true, "(file\u00a0(1))": true, "('\\\\', file(1))": true, "('a' /* ' */)": true, "(1--1)": true, "(`file`(1))": true,
		"(\"file\"(1))": true, "($a$'$a$)": true, "(1 # '\n)": true,
	} {
		for name, source := range map[string]io.Reader{
			"whole": strings.NewReader(text), "byte by byte": iotest.OneByteReader(strings.NewReader(text)),
		} {
			read, err := io.ReadAll(&valuesReader{source: source})
			require.Equal(t, refused, err != nil, "%s %s", text, name)
			if !refused {
				require.Equal(t, text, string(read))
			}
		}
	}
}

// Pages of other sites get no answer, also under a name that was made to lead here.
func TestPagesAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, change := range map[string]func(*http.Request){
		"rebound":    func(r *http.Request) { r.Host = "evil.example:8123" },
		"a page":     func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		"an image":   func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"no program": func(r *http.Request) { r.Host = "192.0.2.1" },
	} {
		for _, path := range []string{"/?database=" + b.database, "/ping"} {
			r, err := http.NewRequestWithContext(b.ctx, http.MethodPost, base()+path, strings.NewReader("CREATE TABLE taken (a Int8) ENGINE = Memory"))
			require.NoError(t, err)
			change(r)
			status, _, _ := do(t, r)
			require.Equal(t, http.StatusForbidden, status, name)
		}
	}
	var n uint64
	require.NoError(t, b.conn.QueryRow(b.ctx, "SELECT count() FROM system.tables WHERE database = ?", b.database).Scan(&n))
	require.Zero(t, n)
}
