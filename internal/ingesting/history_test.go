package ingesting_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/ingest/eventlog/record"
	"github.com/sluicehq/sluice/ingest/request"
	"github.com/sluicehq/sluice/ingest/session"
	"github.com/sluicehq/sluice/ingest/writer"
	"github.com/sluicehq/sluice/internal/ingesting"
	"github.com/sluicehq/sluice/internal/ingesting/rows"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// dayOf parses a day.
func dayOf(t *testing.T, text string) calendar.Day {
	t.Helper()
	day, err := calendar.ParseDay(text)
	require.NoError(t, err)
	return day
}

// importVisitors loads and shows an import of 100 visitors a day.
func (b *bundle) importVisitors(t *testing.T, w *warehouse.Warehouse, site, id uint64, days calendar.Range) {
	t.Helper()
	b.loadVisitors(t, w, site, id, days)
	require.NoError(t, w.Show(b.ctx, site, id, 0))
}

func (b *bundle) loadVisitors(t *testing.T, w *warehouse.Warehouse, site, id uint64, days calendar.Range) {
	t.Helper()
	batch := schema.NewBatch(schema.Visitors)
	for day := days.First; day <= days.Last; day++ {
		batch.SetDate(0, uint16(day))
		batch.SetUint64(schema.Visitors.Index("visitors"), 100)
		batch.EndRow()
	}
	key := warehouse.ChunkKey{PartKey: warehouse.PartKey{SiteID: site, ImportID: id}}
	require.NoError(t, w.InsertRows(b.ctx, key, batch))
}

// historyOf returns the days of a site with their visitors, visits and origin.
func (b *bundle) historyOf(t *testing.T, conn driver.Conn, domain string) []string {
	t.Helper()
	rows, err := conn.Query(b.ctx, `SELECT concatWithSeparator(' ', day, visitors, visits, origin) FROM history_visitors
		WHERE domain = '`+domain+`' ORDER BY day, origin`)
	require.NoError(t, err)
	var all []string
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		all = append(all, line)
	}
	require.NoError(t, rows.Err())
	require.NoError(t, rows.Close())
	return all
}

// visit is a request of a visitor at a time.
func visit(t *testing.T, domain string, visitor byte, at string) request.Request {
	t.Helper()
	now, err := time.Parse(time.RFC3339, at)
	require.NoError(t, err)
	r, err := request.Parse(request.Input{
		UserAgent: browser, RemoteIP: netip.AddrFrom4([4]byte{192, 0, 2, visitor}), Now: now,
		Body: fmt.Appendf(nil, `{"n":"pageview","u":"https://%s/"}`, domain),
	})
	require.NoError(t, err)
	return r
}

// Events have the day of their site's time zone at their acceptance, across midnights and both changes of the
// clocks, whatever the zone is when they are written. A visit that passes midnight is one of the first day, its
// visitor one of both. Imported days end before the first event's.
func TestDaysAreTheSites(t *testing.T) {
	t.Parallel()
	b := setup(t)
	log := b.logOf(t)
	w, conn := b.warehouseOf(t)
	east, west := b.addSite(t, "east.example"), b.addSite(t, "west.example")
	b.exec(t, "UPDATE sites SET time_zone = 'Pacific/Auckland' WHERE id = $1", east)
	b.exec(t, "UPDATE sites SET time_zone = 'America/Los_Angeles' WHERE id = $1", west)
	pipeline := pipelineFor(t, log, b.sites(t, nil))

	// The last second of a day and the first one of the next, by one visitor.
	midnights := map[string][][2]string{
		"east.example": {
			{"2026-04-04T10:59:59Z", "2026-04-04T11:00:00Z"},
			{"2026-04-05T11:59:59Z", "2026-04-05T12:00:00Z"},
			{"2026-09-26T11:59:59Z", "2026-09-26T12:00:00Z"},
			{"2026-09-27T10:59:59Z", "2026-09-27T11:00:00Z"},
		},
		"west.example": {
			{"2026-03-08T07:59:59Z", "2026-03-08T08:00:00Z"},
			{"2026-03-09T06:59:59Z", "2026-03-09T07:00:00Z"},
			{"2026-11-01T06:59:59Z", "2026-11-01T07:00:00Z"},
			{"2026-11-02T07:59:59Z", "2026-11-02T08:00:00Z"},
		},
	}
	sent := 0
	for domain, pairs := range midnights {
		for i, pair := range pairs {
			for _, at := range pair {
				result, err := pipeline.BuildAndBuffer(b.ctx, visit(t, domain, byte(i), at))
				require.NoError(t, err)
				require.Len(t, result.Buffered, 1)
				sent++
			}
		}
	}
	for site, days := range map[int64][2]string{east: {"2026-03-30", "2026-09-30"}, west: {"2026-03-05", "2026-03-08"}} {
		b.importVisitors(t, w, uint64(site), uint64(site)+10,
			calendar.Range{First: dayOf(t, days[0]), Last: dayOf(t, days[1])})
	}
	b.exec(t, "UPDATE sites SET time_zone = 'UTC'")

	history, err := ingesting.NewHistory(rows.New(w), b.Store, w)
	require.NoError(t, err)
	p := b.poolOf(t, writer.Config{
		Log: writer.FromLog(log), Checkpoints: b.checkpoints, Warehouse: history, LogID: log.ID(),
		MaxAge: 50 * time.Millisecond, Logger: quiet,
	})
	ctx, stop := context.WithCancel(b.ctx)
	defer stop()
	var running sync.WaitGroup
	running.Go(func() { p.Run(ctx) })
	b.awaitMarked(t, sent)
	stop()
	running.Wait()

	require.Equal(t, []string{
		"2026-03-30 100 0 imported", "2026-03-31 100 0 imported", "2026-04-01 100 0 imported", "2026-04-02 100 0 imported",
		"2026-04-03 100 0 imported",
		"2026-04-04 1 1 native", "2026-04-05 2 1 native", "2026-04-06 1 0 native",
		"2026-09-26 1 1 native", "2026-09-27 2 1 native", "2026-09-28 1 0 native",
	}, b.historyOf(t, conn, "east.example"))
	require.Equal(t, []string{
		"2026-03-05 100 0 imported", "2026-03-06 100 0 imported",
		"2026-03-07 1 1 native", "2026-03-08 2 1 native", "2026-03-09 1 0 native",
		"2026-10-31 1 1 native", "2026-11-01 2 1 native", "2026-11-02 1 0 native",
	}, b.historyOf(t, conn, "west.example"))

	sites, err := b.HistorySites(b.ctx)
	require.NoError(t, err)
	require.Len(t, sites, 2)
	require.Equal(t, []string{"2026-04-04", "2026-03-07"},
		[]string{sites[0].NativeStart.String(), sites[1].NativeStart.String()})
}

// eventsOn returns rows of one event of a site on each of the days, as record sequence of a partition.
func eventsOn(site int64, sequence uint64, days ...calendar.Day) writer.Rows {
	var all writer.Rows
	for i, day := range days {
		at := day.Time().Unix() + 43_200
		all.Events = append(all.Events, writer.Event{
			Event: &record.Event{
				SiteID: uint64(site), UserID: uint64(day), Timestamp: at, Day: day, Name: record.NamePageview, ScrollDepth: record.Missing,
			},
			SessionID: uint64(day), Sequence: sequence, Index: uint32(i),
		})
		all.Sessions = append(all.Sessions, session.Session{
			ID: uint64(day), SiteID: uint64(site), UserID: uint64(day), Start: at, Timestamp: at, Day: day, Pageviews: 1,
			Events: 1, Version: sequence<<16 | uint64(i),
		})
	}
	return all
}

func keyOf(sequence uint64) writer.Key {
	return writer.Key{LogID: "log", Range: writer.Range{Partition: 1, From: sequence, To: sequence}}
}

// gate is a warehouse that stands for both: it notes what is known when events arrive, and fails on request.
type gate struct {
	writer.Warehouse
	ingesting.SiteCopies
	fail     error
	inserted func()
}

// Insert calls inserted.
func (g *gate) Insert(ctx context.Context, key writer.Key, rows writer.Rows) error {
	g.inserted()
	return g.Warehouse.Insert(ctx, key, rows)
}

// PutSites fails on request.
func (g *gate) PutSites(ctx context.Context, sites []warehouse.Site) error {
	if g.fail != nil {
		return g.fail
	}
	return g.SiteCopies.PutSites(ctx, sites)
}

// Before events are inserted, PostgreSQL and the warehouse know the earliest of their days, also after a failure in
// between; a later day changes nothing.
func TestFirstEventIsKnownBefore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w, _ := b.warehouseOf(t)
	site := b.addSite(t, "example.com")
	const first = calendar.Day(20_000)
	g := &gate{Warehouse: rows.New(w), SiteCopies: w}
	var known []string
	g.inserted = func() {
		stored, err := b.HistorySites(b.ctx)
		require.NoError(t, err)
		copied, err := w.Sites(b.ctx)
		require.NoError(t, err)
		require.Equal(t, []warehouse.Site{{
			ID: uint64(site), Domain: "example.com", NativeStart: stored[0].FirstEvent, Version: uint64(stored[0].Version),
		}}, copied)
		known = append(known, stored[0].FirstEvent.String())
	}
	h, err := ingesting.NewHistory(g, b.Store, g)
	require.NoError(t, err)

	g.fail = errors.New("away")
	require.ErrorIs(t, h.Insert(b.ctx, keyOf(1), eventsOn(site, 1, first+2, first+1)), g.fail)
	require.Empty(t, known)
	g.fail = nil
	for sequence, days := range [][]calendar.Day{{first + 2, first + 1}, {first + 1, first + 9}, {first + 3, first}, {first + 4}} {
		require.NoError(t, h.Insert(b.ctx, keyOf(uint64(sequence+1)), eventsOn(site, uint64(sequence+1), days...)))
	}
	require.Equal(t, []string{(first + 1).String(), (first + 1).String(), first.String(), first.String()}, known)
	// The events of a site that is gone are written, too.
	g.inserted = func() {}
	require.NoError(t, h.Insert(b.ctx, keyOf(9), eventsOn(site+1, 9, first)))
	sites, err := w.Sites(b.ctx)
	require.NoError(t, err)
	require.Len(t, sites, 1)

	// An operator's first native day is the one that counts.
	declared := first + 50
	b.exec(t, "UPDATE sites SET native_start = $1 WHERE id = $2", declared.String(), site)
	stale, err := ingesting.CopySites(b.ctx, b.Store, w)
	require.NoError(t, err)
	require.Equal(t, 1, stale)
	sites, err = w.Sites(b.ctx)
	require.NoError(t, err)
	require.Equal(t, &declared, sites[0].NativeStart)
	stale, err = ingesting.CopySites(b.ctx, b.Store, w)
	require.NoError(t, err)
	require.Zero(t, stale)
}

// Writers of several partitions find the earliest day in any order.
func TestFirstEventsAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := make([]int64, 20)
	for i := range ids {
		ids[i] = b.addSite(t, fmt.Sprintf("s%d.example", i))
	}
	const first = calendar.Day(20_000)
	errs := make([]error, 8)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			days := map[int64]calendar.Day{}
			for n, id := range ids {
				days[id] = first + calendar.Day((i+n)%len(errs))
			}
			_, errs[i] = b.NoteFirstEvents(b.ctx, days)
		})
	}
	all.Wait()
	require.NoError(t, errors.Join(errs...))
	sites, err := b.HistorySites(b.ctx)
	require.NoError(t, err)
	require.Len(t, sites, len(ids))
	for _, site := range sites {
		require.Equal(t, first, *site.FirstEvent, site.Domain)
	}
}

// While an import of the same days becomes visible and the first events arrive, no query sees a day twice; in the end the
// events serve their days, and the import those before.
func TestFirstEventDuringAnImport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w, conn := b.warehouseOf(t)
	const first = calendar.Day(20_000)
	h, err := ingesting.NewHistory(rows.New(w), b.Store, w)
	require.NoError(t, err)
	for round := range 5 {
		domain := fmt.Sprintf("s%d.example", round)
		site := b.addSite(t, domain)
		b.loadVisitors(t, w, uint64(site), uint64(site), calendar.Range{First: first, Last: first + 3})
		var work sync.WaitGroup
		errs := make([]error, 2)
		work.Go(func() { errs[0] = w.Show(b.ctx, uint64(site), uint64(site), 0) })
		work.Go(func() {
			errs[1] = h.Insert(b.ctx, keyOf(uint64(round+1)), eventsOn(site, uint64(round+1), first+2, first+3))
		})
		ended := make(chan struct{})
		go func() { work.Wait(); close(ended) }()
		for reading := true; reading; {
			select {
			case <-ended:
				reading = false
			default:
			}
			var twice uint64
			require.NoError(t, conn.QueryRow(b.ctx, fmt.Sprintf(`SELECT count() FROM (SELECT day FROM history_visitors
				WHERE site_id = %d GROUP BY day HAVING count() > 1)`, site)).Scan(&twice))
			require.Zero(t, twice)
		}
		require.NoError(t, errors.Join(errs...))
		require.Equal(t, []string{
			first.String() + " 100 0 imported", (first + 1).String() + " 100 0 imported",
			(first + 2).String() + " 1 1 native", (first + 3).String() + " 1 1 native",
		}, b.historyOf(t, conn, domain))
	}
}
