package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/polltest"
)

// TestClient runs clickhouse-go as its users do, with each compression.
func TestClient(t *testing.T) {
	t.Parallel()
	for name, compression := range map[string]*ch.Compression{
		"none":    nil,
		"LZ4":     {Method: ch.CompressionLZ4},
		"ZSTD":    {Method: ch.CompressionZSTD, Level: 3},
		"gzip":    {Method: ch.CompressionGZIP, Level: 3},
		"deflate": {Method: ch.CompressionDeflate, Level: 3},
		"brotli":  {Method: ch.CompressionBrotli, Level: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(o *ch.Options) { o.Compression = compression })
			testClient(t, b)
		})
	}
	for name, compression := range map[string]*ch.Compression{
		"native none": nil,
		"native LZ4":  {Method: ch.CompressionLZ4},
		"native ZSTD": {Method: ch.CompressionZSTD},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, overNative, func(o *ch.Options) {
				o.Compression = compression
				if compression != nil && compression.Method == ch.CompressionZSTD {
					o.Settings = ch.Settings{"network_compression_method": "ZSTD"}
				}
			})
			testClient(t, b)
		})
	}
}

func testClient(t *testing.T, b *bundle) {
	require.NoError(t, b.conn.Ping(b.ctx))
	version, err := b.conn.ServerVersion()
	require.NoError(t, err)
	require.EqualValues(t, 26, version.Version.Major)

	t.Run("types survive a batch and a query", func(t *testing.T) {
		t.Parallel()
		b.exec(t, `CREATE TABLE types (
			id UInt64, at DateTime64(3, 'Europe/Berlin'), day Date, name LowCardinality(String), maybe Nullable(Int32),
			tags Array(String), attributes Map(String, UInt64), pair Tuple(String, Float64), fixed FixedString(4),
			amount Decimal(18, 4), state Enum8('on' = 1, 'off' = 2), key UUID, ip IPv4
		) ENGINE = MergeTree ORDER BY id`)
		at := time.Date(2024, 2, 29, 12, 30, 15, 250e6, time.UTC)
		batch, err := b.conn.PrepareBatch(b.ctx, "INSERT INTO types")
		require.NoError(t, err)
		const key = "0e0e0a0a-0a0a-4a0a-8a0a-0a0a0a0a0a0a"
		for i := range 1000 {
			require.NoError(t, batch.Append(uint64(i), at, at, "name", nil, []string{"a", "b\n\n"},
				map[string]uint64{"x": uint64(i)}, []any{"p", 1.5}, "four", "12.3456", "off", key, "10.0.0.1"))
		}
		require.NoError(t, batch.Send())

		rows, err := b.conn.Query(b.ctx, "SELECT id, at, name, maybe, tags, attributes, pair.1, state, key FROM types WHERE id >= $1 ORDER BY id", 990)
		require.NoError(t, err)
		n := uint64(990)
		for rows.Next() {
			var (
				id                     uint64
				when                   time.Time
				name, first, state, is string
				maybe                  *int32
				tags                   []string
				attributes             map[string]uint64
			)
			require.NoError(t, rows.Scan(&id, &when, &name, &maybe, &tags, &attributes, &first, &state, &is))
			require.Equal(t, n, id)
			require.True(t, at.Equal(when), when)
			require.Equal(t, "name", name)
			require.Nil(t, maybe)
			require.Equal(t, []string{"a", "b\n\n"}, tags)
			require.Equal(t, map[string]uint64{"x": n}, attributes)
			require.Equal(t, []string{"p", "off", key}, []string{first, state, is})
			n++
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
		require.EqualValues(t, 1000, n)
	})

	t.Run("columns of a batch", func(t *testing.T) {
		t.Parallel()
		b.exec(t, "CREATE TABLE columnar (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
		batch, err := b.conn.PrepareBatch(b.ctx, "INSERT INTO columnar (a, s)")
		require.NoError(t, err)
		numbers, texts := make([]uint64, 200_000), make([]string, 200_000)
		for i := range numbers {
			numbers[i], texts[i] = uint64(i), fmt.Sprint(i)
		}
		require.NoError(t, batch.Column(0).Append(numbers))
		require.NoError(t, batch.Column(1).Append(texts))
		require.NoError(t, batch.Send())
		require.EqualValues(t, 200_000, b.count(t, "SELECT uniqExact(s) FROM columnar"))
		require.EqualValues(t, 1, b.parts(t, "columnar"))
	})

	t.Run("deduplication token", func(t *testing.T) {
		t.Parallel()
		b.exec(t, "CREATE TABLE tokens (a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 100")
		for _, token := range []string{"one", "one", "two"} {
			ctx := ch.Context(b.ctx, ch.WithSettings(ch.Settings{"insert_deduplication_token": token}))
			batch, err := b.conn.PrepareBatch(ctx, "INSERT INTO tokens")
			require.NoError(t, err)
			for i := range 1000 {
				require.NoError(t, batch.Append(uint64(i)))
			}
			require.NoError(t, batch.Send())
		}
		require.EqualValues(t, 2000, b.count(t, "SELECT count() FROM tokens"))
	})

	t.Run("settings and parameters", func(t *testing.T) {
		t.Parallel()
		ctx := ch.Context(b.ctx, ch.WithSettings(ch.Settings{"max_threads": 7, "max_execution_time": 60}),
			ch.WithParameters(ch.Parameters{"text": `it's \\ "q"`, "n": "42"}))
		var (
			threads uint8 // the type is the smallest that holds the value
			text    string
			n       uint64
		)
		require.NoError(t, b.conn.QueryRow(ctx, "SELECT getSetting('max_threads'), {text:String}, {n:UInt64}").Scan(&threads, &text, &n))
		require.EqualValues(t, 7, threads)
		require.Equal(t, `it's \ "q"`, text)
		require.EqualValues(t, 42, n)
		require.NotEqualValues(t, 7, b.count(t, "SELECT toUInt64(getSetting('max_threads'))"))
		require.NoError(t, b.conn.QueryRow(b.ctx, "SELECT {s:String}", ch.Named("s", "größer")).Scan(&text))
		require.Equal(t, "größer", text)
	})

	t.Run("empty result", func(t *testing.T) {
		t.Parallel()
		rows, err := b.conn.Query(b.ctx, "SELECT 1 WHERE 0")
		require.NoError(t, err)
		require.False(t, rows.Next())
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
	})

	t.Run("errors", func(t *testing.T) {
		t.Parallel()
		err := b.conn.Exec(b.ctx, "DROP TABLE nowhere")
		exception, ok := errors.AsType[*ch.Exception](err)
		require.True(t, ok, "%v", err)
		require.EqualValues(t, 60, exception.Code)
		require.Contains(t, exception.Message, "nowhere")
		_, err = b.conn.Query(b.ctx, "SELECT * FROM nowhere") //nolint:gocritic // there are no rows where there is no table
		exception, ok = errors.AsType[*ch.Exception](err)
		require.True(t, ok, "%v", err)
		require.EqualValues(t, 60, exception.Code)
	})

	t.Run("error in mid-stream", func(t *testing.T) {
		t.Parallel()
		rows, err := b.conn.Query(b.ctx, "SELECT throwIf(number = 3000000), number FROM numbers(4000000)")
		require.NoError(t, err)
		n := 0
		for rows.Next() {
			n++
		}
		require.Less(t, n, 3_000_001)
		require.Positive(t, n)
		require.ErrorContains(t, rows.Err(), "Value passed to 'throwIf' function is non-zero")
		require.Error(t, rows.Close(), "the error is returned again")
	})

	t.Run("cancelled query", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(b.ctx, 200*time.Millisecond)
		defer cancel()
		var n uint8
		err := b.conn.QueryRow(ctx, "SELECT sleepEachRow(1) FROM numbers(60) SETTINGS max_block_size = 1").Scan(&n)
		// The native client also gives the context's deadline to the socket.
		require.True(t, errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded), "%v", err)
		polltest.Eventually(t, func() bool {
			return b.count(t, "SELECT count() FROM system.processes WHERE current_database = '"+b.database+"' AND query LIKE 'SELECT sleepEachRow(1)%'") == 0
		}, waitFor, tick)
	})

	t.Run("asynchronous insert", func(t *testing.T) {
		t.Parallel()
		b.exec(t, "CREATE TABLE asynchronous (a UInt64) ENGINE = MergeTree ORDER BY a")
		ctx := ch.Context(b.ctx, ch.WithAsync(true))
		require.NoError(t, b.conn.Exec(ctx, "INSERT INTO asynchronous VALUES (1)"))
		batch, err := b.conn.PrepareBatch(ctx, "INSERT INTO asynchronous")
		require.NoError(t, err)
		require.NoError(t, batch.Append(uint64(2)))
		require.NoError(t, batch.Send())
		require.EqualValues(t, 2, b.count(t, "SELECT count() FROM asynchronous"))
	})

	t.Run("external table", func(t *testing.T) {
		t.Parallel()
		table, err := ext.NewTable("brought", ext.Column("a", "UInt64"))
		require.NoError(t, err)
		require.NoError(t, table.Append(uint64(1)))
		require.NoError(t, table.Append(uint64(2)))
		ctx := ch.Context(b.ctx, ch.WithExternalTable(table))
		var sum uint64
		require.NoError(t, b.conn.QueryRow(ctx, "SELECT sum(a) FROM brought").Scan(&sum))
		require.EqualValues(t, 3, sum)
	})
}
