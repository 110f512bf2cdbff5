package clickhouse

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/polltest"
)

// nativeRows returns n rows of (a UInt64, s String) as one Native block.
func nativeRows(t *testing.T, n int) string {
	t.Helper()
	status, _, text := post(t, "/?default_format=Native", fmt.Sprintf(
		"SELECT number AS a, toString(number) AS s FROM numbers(%d) SETTINGS max_block_size = %d", n, n), nil)
	require.Equal(t, http.StatusOK, status)
	return text
}

// insertPath is the path of a request whose body are data for sql.
func (b *bundle) insertPath(sql string, settings ...string) string {
	return b.path(strings.Join(append(settings, "query="+url.QueryEscape(sql)), "&"))
}

// newTable makes a table that remembers what was inserted and returns its name.
func (b *bundle) newTable(t *testing.T, name string) string {
	t.Helper()
	b.exec(t, "CREATE TABLE "+name+` (a UInt64, s String, twice UInt64 DEFAULT a * 2, more UInt64 MATERIALIZED a + 1)
		ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 100`)
	return name
}

func TestInsert(t *testing.T) {
	t.Parallel()
	b := setup(t)
	block := nativeRows(t, 200_000)

	t.Run("one block is one part with one token", func(t *testing.T) {
		t.Parallel()
		table := b.newTable(t, "tokens")
		send := func(token string) {
			status, header, text := post(t, b.insertPath("INSERT INTO tokens (a, s) FORMAT Native", "insert_deduplication_token="+token), block, nil)
			require.Equal(t, http.StatusOK, status, text)
			require.Contains(t, header.Get("X-ClickHouse-Summary"), `"written_rows":"200000"`)
		}
		send("one")
		require.EqualValues(t, 200_000, b.count(t, "SELECT count() FROM tokens"))
		require.EqualValues(t, 1, b.parts(t, table))
		send("one")
		require.EqualValues(t, 200_000, b.count(t, "SELECT count() FROM tokens"), "a token seen before")
		send("two")
		require.EqualValues(t, 400_000, b.count(t, "SELECT count() FROM tokens"), "the same data with another token")
		require.EqualValues(t, 2*2*19_999_900_000, b.count(t, "SELECT sum(twice) FROM tokens"), "defaults are filled in")
	})

	t.Run("tokens work through input()", func(t *testing.T) {
		t.Parallel()
		b.newTable(t, "inputs")
		for _, token := range []string{"one", "one", "two"} {
			status, _, text := post(t, b.insertPath("INSERT INTO inputs (a, s) SELECT a + 1, s FROM input('a UInt64, s String') FORMAT Native",
				"insert_deduplication_token="+token), block, nil)
			require.Equal(t, http.StatusOK, status, text)
		}
		require.EqualValues(t, 400_000, b.count(t, "SELECT count() FROM inputs"))
		require.EqualValues(t, 1, b.count(t, "SELECT min(a) FROM inputs"))
	})

	t.Run("formats and places of data", func(t *testing.T) {
		t.Parallel()
		b.newTable(t, "formats")
		for i, tc := range []struct{ query, body string }{
			{"INSERT INTO formats (a, s) VALUES (1, 'x;'), (2, 'y')", ""},
			{"", "INSERT INTO formats (a, s) VALUES (3, 'x'), (4, '\n\n');"},
			{"INSERT INTO formats (a, s) FORMAT CSV", "5,x\n6,y\n"},
			{"", "INSERT INTO formats (a, s) FORMAT CSV\n7,x\n8,y\n"},
			{"INSERT INTO formats (a, s)", "VALUES (9, 'x'), (10, 'y')"},
			{"INSERT INTO formats FORMAT JSONEachRow", `{"a":11,"s":"x"}{"a":12}`},
			{"INSERT INTO formats (a, s) SETTINGS input_format_parallel_parsing = 0 FORMAT TSV", "13\tx\n14\ty\n"},
			{"INSERT INTO `formats` (a, s) FORMAT CSVWithNames", "s,a\nx,15\ny,16\n"},
			{"INSERT INTO formats (a) VALUES ({p:UInt64}), ({p:UInt64} + 1)", ""},
			{"INSERT INTO formats (a) SELECT a FROM input('a UInt64') FORMAT CSV", "19\n20\n"},
		} {
			status, _, text := post(t, b.insertPath(tc.query, "param_p=17"), tc.body, nil)
			require.Equal(t, http.StatusOK, status, text)
			require.EqualValues(t, 2*(i+1), b.count(t, "SELECT max(a) FROM formats"), tc.query+tc.body)
			require.EqualValues(t, 2*(i+1), b.count(t, "SELECT count() FROM formats"), tc.query+tc.body)
		}
	})

	t.Run("bytes 0A 0A are data", func(t *testing.T) {
		t.Parallel()
		b.newTable(t, "newlines")
		status, _, native := post(t, "/?default_format=Native", "SELECT toUInt64(0x0A0A0A0A0A0A0A0A) AS a, '\n\n' AS s FROM numbers(10)", nil)
		require.Equal(t, http.StatusOK, status)
		status, _, text := post(t, b.insertPath("INSERT INTO newlines (a, s) FORMAT Native"), native, nil)
		require.Equal(t, http.StatusOK, status, text)
		status, _, text = post(t, b.path("insert_deduplication_token=other"), "INSERT INTO newlines (a, s) FORMAT Native\n"+native, nil)
		require.Equal(t, http.StatusOK, status, text)
		require.EqualValues(t, 20, b.count(t, "SELECT count() FROM newlines WHERE a = 0x0A0A0A0A0A0A0A0A AND s = '\n\n'"))
	})

	t.Run("failures before and while reading", func(t *testing.T) {
		t.Parallel()
		b.newTable(t, "failures")
		for sql, code := range map[string]string{
			"INSERT INTO nowhere FORMAT Native":                                           "60",
			"INSERT INTO failures (zz) FORMAT Native":                                     "16",
			"INSERT INTO failures (a) FORMAT Nonsense":                                    "73",
			"INSERT INTO failures (a, s) FORMAT Parquet":                                  "117",
			"INSERT INTO failures (a, s) SELECT * FROM input('a Nonsense') FORMAT Native": "50",
		} {
			status, header, text := post(t, b.insertPath(sql), block, nil)
			require.NotEqual(t, http.StatusOK, status, text)
			require.Equal(t, code, header.Get("X-ClickHouse-Exception-Code"), "%s: %s", sql, text)
			require.NotContains(t, text, "pipes", "no path of ours")
		}
		require.Zero(t, b.count(t, "SELECT count() FROM failures"))
	})

	t.Run("async insert", func(t *testing.T) {
		t.Parallel()
		b.newTable(t, "async")
		//nolint:staticcheck // SA1019: deprecated, and still in use
		require.NoError(t, b.conn.AsyncInsert(b.ctx, "INSERT INTO async (a, s) VALUES (1, 'x')", true))
		require.EqualValues(t, 1, b.count(t, "SELECT count() FROM async"))
		for setting, written := range map[string]string{"0": `"written_rows":"1"`, "1": `"written_rows":"0"`} {
			status, header, text := post(t, b.insertPath("INSERT INTO async (a, s) FORMAT CSV", "async_insert="+setting), setting+",y\n", nil)
			require.Equal(t, http.StatusOK, status, text)
			require.Contains(t, header.Get("X-ClickHouse-Summary"), written)
		}
		require.EqualValues(t, 3, b.count(t, "SELECT count() FROM async"))
	})
}

// TestInsertCutOff sends bodies that are shorter than what was announced.
func TestInsertCutOff(t *testing.T) {
	t.Parallel()
	b := setup(t)
	block := nativeRows(t, 200_000)
	csv := strings.Repeat("1,x\n", 200_000)

	// broken sends a request, ends its side of the connection too early and
	// returns the answer, so that the server is known to have dealt with it.
	broken := func(t *testing.T, head, body string) string {
		t.Helper()
		var dialer net.Dialer
		conn, err := dialer.DialContext(b.ctx, "tcp", address)
		require.NoError(t, err)
		_, err = io.WriteString(conn, head+body)
		require.NoError(t, err)
		require.NoError(t, conn.(*net.TCPConn).CloseWrite()) //nolint:errcheck // it was dialled as tcp
		answer, err := io.ReadAll(conn)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		return string(answer)
	}
	for name, tc := range map[string]struct{ format, data string }{
		"at the end of a block":    {"Native", block},
		"in the middle of a block": {"Native", block[:len(block)/2]},
		"in a column's header":     {"Native", block[:4]},
		"at the end of a line":     {"CSV", csv},
		"in the middle of a line":  {"CSV", csv[:len(csv)-2]},
		"before any data":          {"Native", ""},
	} {
		for coding, send := range map[string]func(t *testing.T, request string) string{
			"Content-Length": func(t *testing.T, request string) string {
				return broken(t, request+fmt.Sprintf("Content-Length: %d\r\n\r\n", len(tc.data)+1), tc.data)
			},
			"chunked": func(t *testing.T, request string) string {
				return broken(t, request+"Transfer-Encoding: chunked\r\n\r\n", fmt.Sprintf("%x\r\n%s\r\n", len(tc.data)+1, tc.data))
			},
		} {
			t.Run(name+" "+coding, func(t *testing.T) {
				t.Parallel()
				table := fmt.Sprintf("cut_%d", databases.Add(1))
				b.newTable(t, table)
				answer := send(t, "POST "+b.insertPath("INSERT INTO "+table+" (a, s) FORMAT "+tc.format)+" HTTP/1.1\r\nHost: localhost\r\n")
				require.Contains(t, answer, "HTTP/1.1 400 Bad Request")
				require.Contains(t, answer, "Code: 33. DB::Exception: Cannot read all data")
				require.Zero(t, b.count(t, "SELECT count() FROM "+table))
			})
		}
	}

	t.Run("complete request with half a block", func(t *testing.T) {
		t.Parallel()
		b.newTable(t, "half")
		status, header, text := post(t, b.insertPath("INSERT INTO half (a, s) FORMAT Native"), block[:len(block)/2], nil)
		require.NotEqual(t, http.StatusOK, status, text)
		require.Equal(t, "33", header.Get("X-ClickHouse-Exception-Code"), text)
		require.Zero(t, b.count(t, "SELECT count() FROM half"))
	})

	t.Run("client that stops sending and lives", func(t *testing.T) {
		t.Parallel()
		b.newTable(t, "stopped")
		var dialer net.Dialer
		conn, err := dialer.DialContext(b.ctx, "tcp", address)
		require.NoError(t, err)
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n",
			b.insertPath("INSERT INTO stopped (a, s) FORMAT Native"), len(block), block)
		require.NoError(t, err)
		polltest.Eventually(t, func() bool { return b.running(t, "stopped") == 1 }, waitFor, tick)
		require.NoError(t, conn.Close())
		polltest.Eventually(t, func() bool { return b.running(t, "stopped") == 0 }, waitFor, tick)
		require.Zero(t, b.count(t, "SELECT count() FROM stopped"))
	})
}
