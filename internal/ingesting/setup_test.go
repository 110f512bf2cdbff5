package ingesting_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/ingesttest"
	"github.com/sluicehq/sluice/ingest/logbuffer"
	"github.com/sluicehq/sluice/ingest/request"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/ingesting"
	"github.com/sluicehq/sluice/store"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
	"github.com/sluicehq/sluice/warehouse"
)

const (
	partitions = 4
	ttl        = time.Hour
	browser    = "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0"
)

var quiet = slog.New(slog.DiscardHandler)

// bundle is a migrated store, with its checkpoints and a plain connection.
type bundle struct {
	*ingeststore.Store
	checkpoints *ingesting.Checkpoints
	ctx         context.Context
	sql         *pgx.Conn
	dsn         string
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{ctx: enginetest.Context(t)}
	b.dsn = enginetest.MigratedStoreDSN(t)
	s, err := store.Open(b.ctx, store.Config{DSN: b.dsn})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	b.Store = ingeststore.New(s)
	b.checkpoints = ingesting.NewCheckpoints(b.Store)
	b.sql = enginetest.ConnectStore(t, b.dsn)
	return b
}

// expire lets everything that a holder has expire.
func (b *bundle) expire(t *testing.T, holder string) {
	t.Helper()
	for _, table := range []string{"ingest_leases", "ingest_holders"} {
		_, err := b.sql.Exec(b.ctx, "UPDATE "+table+" SET expires_at = now() WHERE holder = $1", holder)
		require.NoError(t, err)
	}
}

// logOf returns a new event log of a server inside the test, which the store knows.
func (b *bundle) logOf(t *testing.T) *eventlog.Log {
	t.Helper()
	log, err := eventlog.Open(b.ctx, b.serveLog(t))
	require.NoError(t, err)
	t.Cleanup(log.Close)
	require.NoError(t, b.RegisterLog(b.ctx, ingeststore.Log{ID: log.ID(), Partitions: partitions}))
	return log
}

// warehouseOf returns a migrated warehouse and a plain connection to its database.
func (b *bundle) warehouseOf(t *testing.T) (*warehouse.Warehouse, driver.Conn) {
	t.Helper()
	dsn := enginetest.WarehouseDSN(t)
	w, err := warehouse.Open(warehouse.Config{DSN: dsn})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	require.NoError(t, w.Migrate(b.ctx))
	options, err := clickhouse.ParseDSN(dsn)
	require.NoError(t, err)
	conn, err := clickhouse.Open(options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return w, conn
}

// pipelineOf returns a pipeline that buffers in a log.
func pipelineOf(t *testing.T, log *eventlog.Log) *ingest.Pipeline {
	t.Helper()
	return pipelineFor(t, log, ingesttest.Sites{ingesttest.SiteDomain: {ID: 7, Domain: ingesttest.SiteDomain}})
}

// pipelineFor returns a pipeline for sites that buffers in a log.
func pipelineFor(t *testing.T, log *eventlog.Log, sites ingest.Sites) *ingest.Pipeline {
	t.Helper()
	buffer, err := logbuffer.New(log, time.Now)
	require.NoError(t, err)
	pipeline, err := ingest.New(ingesttest.Config(sites, ingesttest.Data(t, filepath.Join("..", ".."), nil), buffer))
	require.NoError(t, err)
	return pipeline
}

// pageviews returns requests numbered from first, of visitors in turn, each of a page of its own.
func pageviews(t *testing.T, first, n, visitors int) []request.Request {
	t.Helper()
	all := make([]request.Request, n)
	for i := range all {
		visitor := (first + i) % visitors
		var err error
		all[i], err = request.Parse(request.Input{
			UserAgent: browser, RemoteIP: netip.AddrFrom4([4]byte{192, 0, byte(visitor / 256), byte(visitor % 256)}),
			Now:  time.Now(),
			Body: fmt.Appendf(nil, `{"n":"pageview","u":"https://%s/%d"}`, ingesttest.SiteDomain, first+i),
		})
		require.NoError(t, err)
	}
	return all
}
