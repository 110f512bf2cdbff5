package loading_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/loading"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// bundle is a store and a warehouse for many parts.
type bundle struct {
	loading.Loader
	ctx   context.Context
	sql   driver.Conn
	sites atomic.Int32
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{ctx: enginetest.Context(t)}
	dsn := enginetest.WarehouseDSN(t)
	wh, err := warehouse.Open(warehouse.Config{DSN: dsn})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, wh.Close()) })
	require.NoError(t, wh.Migrate(b.ctx))
	b.Loader = loading.Loader{Store: enginetest.Store(t).Imports, Warehouse: wh}
	options, err := clickhouse.ParseDSN(dsn)
	require.NoError(t, err)
	b.sql, err = clickhouse.Open(options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.sql.Close()) })
	return b
}

// fixture is an import with one part, to be loaded from a source.
type fixture struct {
	*bundle
	source *source
	imp    importers.Import
	limit  loading.RejectLimit
	// advanced, if set, is called after every chunk.
	advanced func(loading.Progress)
}

// part makes a fixture on a site of its own.
func (b *bundle) part(t *testing.T, s *source) *fixture {
	t.Helper()
	site, err := b.Store.AddSite(b.ctx, importstore.NewSite{
		Domain: fmt.Sprintf("site%d.example.com", b.sites.Add(1)), TimeZone: "UTC",
	})
	require.NoError(t, err)
	imp, _, err := b.Store.CreateImport(b.ctx, importstore.NewImport{ImportFields: params(site.ID)})
	require.NoError(t, err)
	days := calendar.Range{First: firstDay, Last: firstDay}
	window := calendar.NewSet(days)
	require.NoError(t, b.Store.SavePlan(b.ctx, imp.ID, days, []importstore.NewPart{{
		Table: schema.Visitors.Name, Label: "the part", Args: []byte(`{}`), Bytes: int64(s.rows), Days: window, Free: window,
	}}))
	return &fixture{
		bundle: b, source: s, limit: loading.RejectLimit{Count: 1 << 40},
		imp: importers.Import{ID: imp.ID, Site: importers.Site{ID: site.ID}, Window: window},
	}
}

// params are those of an import of a site.
func params(siteID int64) importstore.ImportFields {
	return importstore.ImportFields{
		SiteID: siteID, Source: "source", Label: "Source", Args: []byte(`{}`), OnPartFailure: importstore.OnPartFailurePark,
		ChunkRows: 1, ChunkBytes: 1, Parallelism: 1, ReviewReminderS: 1, ReviewExpiryS: 1,
	}
}

// key names a chunk of the fixture's part, as an attempt loads it that finds
// nothing of it.
func (f *fixture) key(chunk uint32) warehouse.ChunkKey {
	part := warehouse.PartKey{SiteID: uint64(f.imp.Site.ID), ImportID: uint64(f.imp.ID)}
	return warehouse.ChunkKey{PartKey: part, Chunk: chunk}
}

// claim begins an attempt.
func (f *fixture) claim(t *testing.T) importstore.Part {
	t.Helper()
	part, open, err := f.Store.ClaimPart(f.ctx, f.imp.ID, 0, 0)
	require.NoError(t, err)
	require.True(t, open)
	return part
}

func (f *fixture) job(part importstore.Part) loading.Job {
	return loading.Job{Importer: f.source, Import: f.imp, Rejects: f.limit, Part: part, Advanced: f.advanced}
}

// loadPart makes one attempt from claim to end.
func (f *fixture) loadPart(ctx context.Context, t *testing.T) (loading.Progress, error) {
	t.Helper()
	return f.Load(ctx, f.job(f.claim(t)))
}

// insert puts rows and rejects of a chunk into the warehouse under any key, behind
// the loader's back.
func (f *fixture) insert(t *testing.T, key warehouse.ChunkKey, rows, rejects bool) {
	t.Helper()
	chunk := f.source.chunk(int(key.Chunk))
	if rows {
		require.NoError(t, f.Warehouse.InsertRows(f.ctx, key, chunk.Rows))
	}
	if rejects {
		require.NoError(t, f.Warehouse.InsertRejects(f.ctx, key, chunk.Rejects))
	}
}

// requireLoaded holds both databases against the source: every row once, every
// reject once, all of them accounted for.
func (f *fixture) requireLoaded(t *testing.T) {
	t.Helper()
	good, bad, out := f.source.all()
	require.Equal(t, good, f.numbers(t, "SELECT visitors FROM imported_visitors"))
	require.Equal(t, bad, f.numbers(t, "SELECT line FROM import_rejects"))
	part, err := f.Store.PartByNo(f.ctx, f.imp.ID, 0)
	require.NoError(t, err)
	require.Equal(t, importstore.PartDone, part.Status)
	require.EqualValues(t, f.source.chunks(), part.NextChunk)
	require.Equal(t, []int64{int64(f.source.rows), int64(len(good)), int64(len(bad)), int64(out)},
		[]int64{part.RowsRead, part.RowsLoaded, part.RowsRejected, part.RowsOutOfRange})
	chunks, err := f.Store.ListChunks(f.ctx, f.imp.ID, 0)
	require.NoError(t, err)
	require.Len(t, chunks, f.source.chunks())
}

// numbers returns the values that a query finds of the fixture's import, sorted.
func (f *fixture) numbers(t *testing.T, query string) []uint64 {
	t.Helper()
	rows, err := f.sql.Query(f.ctx, fmt.Sprintf("SELECT * FROM (%s WHERE site_id = %d AND import_id = %d) ORDER BY 1",
		query, f.imp.Site.ID, f.imp.ID))
	require.NoError(t, err)
	all := []uint64{}
	for rows.Next() {
		var n uint64
		require.NoError(t, rows.Scan(&n))
		all = append(all, n)
	}
	require.NoError(t, rows.Err())
	require.NoError(t, rows.Close())
	return all
}
