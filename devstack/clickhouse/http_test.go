package clickhouse

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/polltest"
)

// try sends a request and reads the whole answer.
func try(r *http.Request) (status int, header http.Header, text string, err error) {
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, "", err
	}
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, string(body), errors.Join(err, resp.Body.Close())
}

// do sends a request that must be answered.
func do(t *testing.T, r *http.Request) (int, http.Header, string) {
	t.Helper()
	status, header, text, err := try(r)
	require.NoError(t, err)
	return status, header, text
}

// get asks for a path and returns the answer.
func get(t *testing.T, path string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base()+path, http.NoBody)
	require.NoError(t, err)
	return do(t, r)
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, "CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a")

	t.Run("ping", func(t *testing.T) {
		t.Parallel()
		for _, path := range []string{"/ping", "/"} {
			status, _, text := get(t, path)
			require.Equal(t, http.StatusOK, status)
			require.Equal(t, "Ok.\n", text)
		}
	})

	t.Run("query in URL, in body and in both", func(t *testing.T) {
		t.Parallel()
		status, header, text := get(t, "/?query=SELECT+1")
		require.Equal(t, http.StatusOK, status, text)
		require.Equal(t, "1\n", text)
		require.Equal(t, "TabSeparated", header.Get("X-ClickHouse-Format"))
		require.NotEmpty(t, header.Get("X-ClickHouse-Query-Id"))
		_, _, text = post(t, "/", "SELECT 1; -- the end", nil)
		require.Equal(t, "1\n", text)
		_, _, text = post(t, "/?query=SELECT", "1", nil)
		require.Equal(t, "1\n", text)
	})

	t.Run("formats that have a header or footer are whole", func(t *testing.T) {
		t.Parallel()
		status, header, text := post(t, "/?default_format=CSVWithNames", "SELECT number AS n FROM numbers(200000) -- all", nil)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, 200_001, strings.Count(text, "\n"))
		require.Equal(t, 1, strings.Count(text, `"n"`))
		require.Equal(t, "text/csv; charset=UTF-8; header=present", header.Get("Content-Type"))
		_, _, text = post(t, "/", "SELECT number AS n FROM numbers(200000) FORMAT JSONCompact SETTINGS max_block_size = 1000", nil)
		require.Contains(t, text, `"rows": 200000,`)
	})

	t.Run("format from the header", func(t *testing.T) {
		t.Parallel()
		_, header, text := post(t, "/", "SELECT 1 AS a", http.Header{"X-Clickhouse-Format": {"JSONEachRow"}})
		require.Equal(t, "{\"a\":1}\n", text)
		require.Equal(t, "JSONEachRow", header.Get("X-ClickHouse-Format"))
	})

	t.Run("statements without a streamed result", func(t *testing.T) {
		t.Parallel()
		for sql, want := range map[string]string{
			"SHOW TABLES":                     "t\n",
			"EXISTS TABLE t":                  "1\n",
			"DESCRIBE t FORMAT TSV":           "a\tUInt64\t\t\t\t\t\ns\tString\t\t\t\t\t\n",
			"SELECT 1 FORMAT Null":            "",
			"SELECT 1 WHERE 0":                "",
			"SYSTEM FLUSH LOGS":               "",
			"EXPLAIN SYNTAX SELECT 1":         "SELECT 1\nFROM system.one\n",
			"(SELECT 1) UNION ALL (SELECT 1)": "1\n1\n",
		} {
			status, _, text := post(t, b.path(""), sql, nil)
			require.Equal(t, http.StatusOK, status, text)
			require.Equal(t, want, text, sql)
		}
	})

	t.Run("errors", func(t *testing.T) {
		t.Parallel()
		for _, tc := range []struct {
			sql, code, text string
			status          int
		}{
			{"SELEC 1", "62", "(SYNTAX_ERROR)", http.StatusBadRequest},
			{"SELECT 1; SELECT 2", "62", "Multi-statements are not allowed", http.StatusBadRequest},
			{"SELECT * FROM nowhere", "60", "(UNKNOWN_TABLE)", http.StatusNotFound},
			{"SELECT nothing", "47", "(UNKNOWN_IDENTIFIER)", http.StatusNotFound},
			{"INSERT INTO nowhere VALUES (1)", "60", "(UNKNOWN_TABLE)", http.StatusNotFound},
			{"SELECT throwIf(1)", "395", "(FUNCTION_THROW_IF_VALUE_IS_NON_ZERO)", http.StatusInternalServerError},
			{"SELECT throwIf(1) FORMAT JSON", "395", "(FUNCTION_THROW_IF_VALUE_IS_NON_ZERO)", http.StatusInternalServerError},
			{"SELECT 1 INTO OUTFILE 'x'", "48", "INTO OUTFILE is not allowed", http.StatusNotImplemented},
			{"INSERT INTO t FROM INFILE 'x' FORMAT CSV", "78", "FROM INFILE is not allowed", http.StatusInternalServerError},
			{"1 + 1", "62", "(SYNTAX_ERROR)", http.StatusBadRequest},
		} {
			status, header, text := post(t, b.path(""), tc.sql, nil)
			require.Equal(t, tc.status, status, "%s: %s", tc.sql, text)
			require.Equal(t, tc.code, header.Get("X-ClickHouse-Exception-Code"), tc.sql)
			require.True(t, strings.HasPrefix(text, "Code: "+tc.code+". DB::Exception: "), text)
			require.Contains(t, text, tc.text)
		}
	})

	t.Run("GET does not write", func(t *testing.T) {
		t.Parallel()
		status, header, _ := get(t, b.path("query="+url.QueryEscape("INSERT INTO t VALUES (1, 'x')")))
		require.Equal(t, http.StatusInternalServerError, status)
		require.Equal(t, "164", header.Get("X-ClickHouse-Exception-Code"), "READONLY")
	})

	t.Run("failure in mid-stream", func(t *testing.T) {
		t.Parallel()
		for _, format := range []string{"TSV", "Native"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base()+"/?default_format="+format,
				strings.NewReader("SELECT throwIf(number = 3000000) FROM numbers(4000000)"))
			require.NoError(t, err)
			resp, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, resp.StatusCode)
			body, err := io.ReadAll(resp.Body)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, "the answer must not look complete")
			require.NoError(t, resp.Body.Close())
			tag := resp.Header.Get("X-ClickHouse-Exception-Tag")
			require.Contains(t, string(body), "\r\n__exception__\r\n"+tag+"\r\nCode: 395. DB::Exception: ")
		}
	})

	t.Run("wait_end_of_query gives a status instead", func(t *testing.T) {
		t.Parallel()
		status, _, text := post(t, "/?wait_end_of_query=1", "SELECT throwIf(number = 300000) FROM numbers(400000)", nil)
		require.Equal(t, http.StatusInternalServerError, status)
		require.Contains(t, text, "Code: 395.")
	})

	t.Run("client that goes away takes its query along", func(t *testing.T) {
		t.Parallel()
		for _, sql := range []string{
			"SELECT sum(sleepEachRow(0.1)) AS away FROM numbers(3000) SETTINGS max_block_size = 1",
			"SELECT sleepEachRow(0.1) AS away FROM numbers(3000) SETTINGS max_block_size = 1 FORMAT JSON",
			"SELECT number AS away FROM system.numbers FORMAT Native",
			"SELECT number AS away FROM system.numbers FORMAT CSV",
		} {
			ctx, cancel := context.WithCancel(t.Context())
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, base()+"/", strings.NewReader(sql))
			require.NoError(t, err)
			ended := make(chan error, 1)
			go func() {
				_, _, _, err := try(r)
				ended <- err
			}()
			running := "SELECT count() FROM system.processes WHERE query LIKE '%AS away%' AND query NOT LIKE '%processes%'"
			polltest.Eventually(t, func() bool { return b.count(t, running) == 1 }, waitFor, tick, sql)
			cancel()
			require.ErrorIs(t, <-ended, context.Canceled)
			polltest.Eventually(t, func() bool { return b.count(t, running) == 0 }, waitFor, tick, sql)
		}
	})
}
