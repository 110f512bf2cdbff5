package clickhouse

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/ClickHouse/ch-go/proto"
	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/devstack/clickhouse/native"
	"github.com/sluicehq/sluice/internal/polltest"
)

// requireCode expects a refusal with the given code.
func requireCode(t *testing.T, code int32, err error) {
	t.Helper()
	exception, ok := errors.AsType[*ch.Exception](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, code, exception.Code, exception.Message)
	require.NotContains(t, exception.Message, "Code: ")
	require.NotContains(t, exception.Message, "pipes", "no path of ours")
}

// A client sees the columns of a result also if it has no rows, and one that
// keeps using its connection is in step with the server after whatever failed.
func TestNativeQuery(t *testing.T) {
	t.Parallel()
	b := setup(t, overNative, func(o *ch.Options) { o.MaxOpenConns = 1 })
	for sql, columns := range map[string][]string{
		"SELECT 1 AS a, 'x' AS b WHERE 0":                    {"a", "b"},
		"SELECT 1 AS a WHERE 0 -- a comment":                 {"a"},
		"WITH 1 AS x SELECT x AS a LIMIT 0 FORMAT TSV":       {"a"},
		"SELECT number AS a FROM numbers(3) FORMAT JSON":     {"a"},
		"SELECT 1 AS a FORMAT JSON SETTINGS max_threads = 1": {"a"},
		"SHOW TABLES":       {"name"},
		"SHOW DATABASES":    {"name"},
		"SELECT NULL AS a":  {"a"},
		"SELECT [] AS a":    {"a"},
		"EXPLAIN SELECT 1":  {"explain"},
		"EXISTS TABLE none": {"result"},
	} {
		rows, err := b.conn.Query(b.ctx, sql)
		require.NoError(t, err, sql)
		require.Equal(t, columns, rows.Columns(), sql)
		for rows.Next() {
			require.NotEmpty(t, rows.Columns())
		}
		require.NoError(t, rows.Err(), sql)
		require.NoError(t, rows.Close(), sql)
	}
	for sql, code := range map[string]int32{
		"SELECT nothing":                              47,
		"SELECT":                                      62,
		"SELECT 1; SELECT 2":                          62,
		"SELECT sumState(1)":                          48,
		"SELECT '{}'::JSON":                           48,
		"SELECT 1 INTO OUTFILE 'x'":                   48,
		"SELECT 1 SETTINGS nonsense = 1":              115,
		"SELECT throwIf(1)":                           395,
		"INSERT INTO nowhere VALUES (1)":              60,
		"INSERT INTO nowhere SELECT 1":                60,
		"CREATE TABLE x (a Nonsense) ENGINE = Memory": 50,
	} {
		requireCode(t, code, b.conn.Exec(b.ctx, sql))
		require.NoError(t, b.conn.Ping(b.ctx), sql)
	}
	ctx := ch.Context(b.ctx, ch.WithSettings(ch.Settings{"max_threads = 1, readonly": 1}))
	requireCode(t, 115, b.conn.Exec(ctx, "SELECT 1"))
	ctx = ch.Context(b.ctx, ch.WithSettings(ch.Settings{"network_compression_method": "snail"}), ch.WithQueryID("named"))
	require.NoError(t, b.conn.Exec(ctx, "SELECT 1"), "blocks are not compressed")
}

func TestNativeInsert(t *testing.T) {
	t.Parallel()

	t.Run("blocks of one insert under one token", func(t *testing.T) {
		t.Parallel()
		b := setup(t, overNative)
		table := b.newTable(t, "flushed")
		ctx := ch.Context(b.ctx, ch.WithSettings(ch.Settings{"insert_deduplication_token": "one"}))
		for range 2 {
			batch, err := b.conn.PrepareBatch(ctx, "INSERT INTO flushed (s, a)")
			require.NoError(t, err)
			for range 3 {
				for i := range 10_000 {
					require.NoError(t, batch.Append("text", uint64(i)))
				}
				require.NoError(t, batch.Flush())
			}
			require.NoError(t, batch.Append("last", uint64(1)))
			require.NoError(t, batch.Send())
		}
		require.EqualValues(t, 30_001, b.count(t, "SELECT count() FROM flushed"))
		require.EqualValues(t, 2*(3*49_995_000+1), b.count(t, "SELECT sum(twice) FROM flushed"), "defaults are filled in")
		require.EqualValues(t, 1, b.parts(t, table))
	})

	t.Run("prepared batches block no client", func(t *testing.T) {
		t.Parallel()
		b := setup(t, overNative, func(o *ch.Options) { o.MaxOpenConns = 40 })
		b.newTable(t, "prepared")
		batches := make([]driver.Batch, 20) // more than may run at once
		for i := range batches {
			var err error
			batches[i], err = b.conn.PrepareBatch(b.ctx, "INSERT INTO prepared (a, s)")
			require.NoError(t, err)
		}
		require.Zero(t, b.count(t, "SELECT count() FROM prepared"))
		for i, batch := range batches {
			require.NoError(t, batch.Append(uint64(i), "text"))
			require.NoError(t, batch.Send())
		}
		require.EqualValues(t, 20, b.count(t, "SELECT count() FROM prepared"))
	})

	t.Run("refused before data are sent", func(t *testing.T) {
		t.Parallel()
		b := setup(t, overNative)
		b.exec(t, "CREATE TABLE modern (a UInt64, j JSON) ENGINE = MergeTree ORDER BY a")
		for sql, code := range map[string]int32{
			"INSERT INTO nowhere":                   60,
			"INSERT INTO modern (a, zz)":            16,
			"INSERT INTO modern":                    48,
			"INSERT INTO modern (* EXCEPT j)":       48,
			"INSERT INTO FUNCTION null('a UInt64')": 48,
		} {
			_, err := b.conn.PrepareBatch(b.ctx, sql)
			requireCode(t, code, err)
		}
		batch, err := b.conn.PrepareBatch(b.ctx, "INSERT INTO modern (`a`)")
		require.NoError(t, err)
		require.NoError(t, batch.Append(uint64(7)))
		require.NoError(t, batch.Send())
		require.EqualValues(t, 7, b.count(t, "SELECT sum(a) FROM modern"))
	})

	t.Run("refused in the middle", func(t *testing.T) {
		t.Parallel()
		b := setup(t, overNative)
		b.exec(t, "CREATE TABLE strict (a UInt64, CONSTRAINT small CHECK a < 150000) ENGINE = MergeTree ORDER BY a")
		batch, err := b.conn.PrepareBatch(b.ctx, "INSERT INTO strict")
		require.NoError(t, err)
		for i := range 200_000 {
			require.NoError(t, batch.Append(uint64(i)))
			if i%10_000 == 0 {
				require.NoError(t, batch.Flush())
			}
		}
		requireCode(t, 469, batch.Send())
		require.Zero(t, b.count(t, "SELECT count() FROM strict"))
	})

	t.Run("data in the query", func(t *testing.T) {
		t.Parallel()
		b := setup(t, overNative)
		b.newTable(t, "inline")
		b.exec(t, "INSERT INTO inline (a, s) VALUES (1, 'x;'), (2, 'y');", "INSERT INTO inline (a) FORMAT CSV\n3\n4\n")
		require.NoError(t, b.conn.Exec(b.ctx, "INSERT INTO inline (a) VALUES ({p:UInt64})", ch.Named("p", "5")))
		require.EqualValues(t, 15, b.count(t, "SELECT sum(a) FROM inline"))
	})
}

// What a client has begun and not ended leaves nothing behind.
func TestNativeInsertCutOff(t *testing.T) {
	t.Parallel()
	b := setup(t)
	block := dataPacket(t, 200_000)
	for name, data := range map[string][]byte{
		"before any data":          nil,
		"behind a packet's code":   block[:1],
		"in a block's description": block[:4],
		"in a column's head":       block[:16],
		"in the middle of a block": block[:len(block)/2],
		"at the end of a block":    block,
		"in the second block":      append(block[:len(block):len(block)], block[:100]...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table := b.newTable(t, fmt.Sprintf("cut_%d", databases.Add(1)))
			c := greeted(t, nativeAddress, b.database)
			c.prepared("INSERT INTO " + table + " (a, s) VALUES")
			_, err := c.socket.Write(data)
			require.NoError(t, err)
			require.NoError(t, c.socket.CloseWrite())
			_, err = io.ReadAll(c.socket)
			require.NoError(t, err) // the server has dealt with it
			require.Zero(t, b.count(t, "SELECT count() FROM "+table))
		})
	}

	t.Run("cancel packet", func(t *testing.T) {
		t.Parallel()
		table := b.newTable(t, "cancelled")
		c := greeted(t, nativeAddress, b.database)
		c.prepared("INSERT INTO " + table + " (a, s) FORMAT Native")
		_, err := c.socket.Write(block)
		require.NoError(t, err)
		polltest.Eventually(t, func() bool { return b.running(t, table) == 1 }, waitFor, tick)
		c.send(proto.ClientCodeCancel.Encode)
		require.EqualValues(t, 394, c.exception().Code)
		require.Zero(t, b.count(t, "SELECT count() FROM "+table))
	})
}

func TestNativeCancel(t *testing.T) {
	t.Parallel()
	b := setup(t)
	running := func(name string) func() bool {
		return func() bool {
			return b.count(t, "SELECT count() FROM system.processes WHERE query LIKE '%"+name+"%' AND query NOT LIKE '%processes%'") == 1
		}
	}

	t.Run("by a packet", func(t *testing.T) {
		t.Parallel()
		c := greeted(t, nativeAddress, "")
		c.query("SELECT sum(sleepEachRow(0.5)) AS by_packet FROM numbers(600) SETTINGS max_block_size = 1")
		polltest.Eventually(t, running("by_packet"), waitFor, tick)
		c.send(proto.ClientCodeCancel.Encode)
		require.EqualValues(t, 394, c.exception().Code)
		c.ping()
	})

	t.Run("by leaving", func(t *testing.T) {
		t.Parallel()
		c := greeted(t, nativeAddress, "")
		c.query("SELECT sum(sleepEachRow(0.5)) AS by_leaving FROM numbers(600) SETTINGS max_block_size = 1")
		polltest.Eventually(t, running("by_leaving"), waitFor, tick)
		require.NoError(t, c.socket.Close())
		polltest.Eventually(t, func() bool { return !running("by_leaving")() }, waitFor, tick)
	})
}

func TestNativeHandshake(t *testing.T) {
	t.Parallel()
	hello := func(t *testing.T, h proto.ClientHello) *rawClient {
		t.Helper()
		c := dialRaw(t, nativeAddress)
		c.send(h.Encode)
		return c
	}
	c := hello(t, proto.ClientHello{ProtocolVersion: native.Revision, Database: "nowhere"})
	require.EqualValues(t, codeUnknownDatabase, c.exception().Code)
	c = hello(t, proto.ClientHello{ProtocolVersion: native.MinRevision - 1})
	require.EqualValues(t, codeNotImplemented, c.exception().Code)

	c = dialRaw(t, nativeAddress)
	c.send(func(b *proto.Buffer) { b.PutRaw([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")) })
	require.EqualValues(t, codeUnexpectedPacket, c.exception().Code)

	for name, packet := range map[string][]byte{
		"unknown code":      {77},
		"data in no query":  dataPacket(t, 3),
		"query of 2^63":     append([]byte{1}, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f),
		"hello once more":   {0, 0},
		"length of 80 bits": append([]byte{1}, []byte(strings.Repeat("\xff", 10)+"\x01")...),
	} {
		c := greeted(t, nativeAddress, "")
		c.ping()
		c.send(func(b *proto.Buffer) { b.PutRaw(packet) })
		require.EqualValues(t, codeUnexpectedPacket, c.exception().Code, name)
	}
}

// Clients above the limit receive an error; those far above it are disconnected.
func TestNativeConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	s := &nativeServer{conns: map[*nativeConn]bool{}, drained: make(chan struct{})}
	one := func() (*nativeConn, net.Conn) {
		ours, theirs := net.Pipe()
		return &nativeConn{server: s, socket: ours}, theirs
	}
	for i := range 2 * maxNativeClients {
		c, _ := one()
		added, refusal := s.add(c)
		require.True(t, added)
		if i < maxNativeClients {
			require.NoError(t, refusal)
		} else {
			require.ErrorContains(t, refusal, "Too many connections: there are ")
		}
	}
	c, client := one()
	added, refusal := s.add(c)
	require.False(t, added)
	require.NoError(t, refusal)
	_, err := client.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}

// A server that stops hangs up on idle clients at once and ends what runs.
func TestNativeShutdown(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	idle, busy := greeted(t, p.native, ""), greeted(t, p.native, "sluice")
	idle.ping()
	busy.query("SELECT sum(sleepEachRow(0.5)) AS endless FROM numbers(600) SETTINGS max_block_size = 1")
	polltest.Eventually(t, func() bool {
		return p.ask(t, "SELECT count() FROM system.processes WHERE query LIKE '%endless%' AND query NOT LIKE '%processes%'") == "1\n"
	}, waitFor, tick)
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	_, err := idle.in.ReadByte()
	require.ErrorIs(t, err, io.EOF)
	require.EqualValues(t, 394, busy.exception().Code)
	require.NoError(t, p.cmd.Wait())
}
