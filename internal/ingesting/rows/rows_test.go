package rows_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/eventlog/record"
	"github.com/sluicehq/sluice/ingest/session"
	"github.com/sluicehq/sluice/ingest/writer"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/ingesting/rows"
	"github.com/sluicehq/sluice/warehouse"
)

// bundle is a migrated warehouse, and a plain connection to its database.
type bundle struct {
	*rows.Warehouse
	ctx context.Context
	sql driver.Conn
}

// eachProtocol runs a test over HTTP and over the native protocol.
func eachProtocol(t *testing.T, test func(t *testing.T, b *bundle)) {
	t.Helper()
	t.Parallel()
	for name, dsn := range map[string]func(testing.TB) string{
		"http": enginetest.WarehouseDSN, "native": enginetest.WarehouseNativeDSN,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &bundle{ctx: enginetest.Context(t)}
			address := dsn(t)
			w, err := warehouse.Open(warehouse.Config{DSN: address})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, w.Close()) })
			require.NoError(t, w.Migrate(b.ctx))
			b.Warehouse = rows.New(w)
			options, err := clickhouse.ParseDSN(address)
			require.NoError(t, err)
			b.sql, err = clickhouse.Open(options)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, b.sql.Close()) })
			test(t, b)
		})
	}
}

// one returns the single row of a query as text.
func (b *bundle) one(t *testing.T, query string) string {
	t.Helper()
	var text string
	require.NoError(t, b.sql.QueryRow(b.ctx, "SELECT toString(tuple(*)) FROM ("+query+")").Scan(&text))
	return text
}

const start = 1_700_000_000

// written returns rows of n events of one session, each in another month.
func written(from uint64, n int) writer.Rows {
	attributes := record.Attributes{
		Referrer: "r", ReferrerSource: "Google", UTMMedium: "m", UTMSource: "s", UTMCampaign: "c", UTMContent: "co",
		UTMTerm: "t", ClickIDParam: "gclid", AcquisitionChannel: "Paid Search", CountryCode: "DE",
		Subdivision1Code: "DE-BE", Subdivision2Code: "x", CityGeonameID: 9, ScreenSize: "Desktop", OperatingSystem: "Mac",
		OperatingSystemVersion: "14.1", Browser: "Firefox", BrowserVersion: "130.0",
	}
	props := []record.Prop{{Key: "plan", Value: "pro"}, {Key: "", Value: "x"}}
	var all writer.Rows
	for i := range n {
		e := &record.Event{
			SiteID: 1, UserID: 1<<64 - 1, Timestamp: start + int64(i)*31*86400,
			// In the east it is the next day already.
			Day: 19_676, Name: "Purchase", Hostname: "h", Pathname: "/p",
			Props: props, ScrollDepth: 40, EngagementTime: 5, Attributes: attributes,
		}
		if i == 0 {
			e.Revenue = &record.Revenue{
				SourceAmount: -1_500, SourceCurrency: "EUR", ReportingAmount: 999_999_999_999_999_999, ReportingCurrency: "USD",
			}
		} else {
			// Its amount could not be converted.
			e.Attributes, e.Props = record.Attributes{}, nil
			e.Revenue = &record.Revenue{SourceAmount: 1, SourceCurrency: "XAU"}
		}
		all.Events = append(all.Events, writer.Event{Event: e, SessionID: 7, Sequence: from, Index: uint32(i)})
	}
	all.Sessions = []session.Session{{
		ID: 7, SiteID: 1, UserID: 1<<64 - 1, Start: start, Day: 19_676, Timestamp: start + 5, Hostname: "h", EntryPage: "/a",
		ExitPageHostname: "eh", ExitPage: "/z", IsBounce: true, Pageviews: 2, Events: uint32(n), Duration: 5,
		Attributes: attributes, EntryProps: props, Version: from<<16 | 3,
	}}
	all.Counters = []writer.Counter{{
		Counter:  record.Counter{Bucket: start, Domain: "example.com", Metric: "buffered", Value: 3, TrackerVersion: 31},
		Sequence: from,
	}}
	return all
}

func key(from uint64, repair uint32) writer.Key {
	return writer.Key{LogID: "log", Range: writer.Range{Partition: 200, From: from, To: from + 1}, Repair: repair}
}

// Every column arrives as it was.
func TestColumns(t *testing.T) { eachProtocol(t, testColumns) }

func testColumns(t *testing.T, b *bundle) {
	t.Helper()
	require.NoError(t, b.Insert(b.ctx, key(4, 0), written(4, 2)))
	const attributes = "'r','Google','m','s','c','co','t','gclid','Paid Search','DE','DE-BE','x',9,'Desktop','Mac','14.1'," +
		"'Firefox','130.0'"
	require.Equal(t, "('2023-11-14 22:13:20','2023-11-15','Purchase',1,18446744073709551615,7,'h','/p',['plan',''],['pro','x'],40,5,"+
		"-1.5,'EUR',999999999999999.999,'USD',"+attributes+",200,4,0)", b.one(t, "SELECT * FROM events WHERE log_index = 0"))
	require.Equal(t, `(0.001,NULL,'\0\0\0','\0\0','')`, b.one(t, "SELECT revenue_source_amount, revenue_reporting_amount, "+
		"revenue_reporting_currency, country_code, browser FROM events WHERE log_index = 1"))
	require.Equal(t, "(7,1,1,18446744073709551615,'2023-11-14 22:13:20','2023-11-15','2023-11-14 22:13:25','h','/a','/z','eh',1,2,2,5,"+
		"['plan',''],['pro','x'],"+attributes+")", b.one(t, "SELECT * FROM visible_sessions"))
	require.Equal(t, "('2023-11-14 22:13:20','example.com',NULL,'buffered',3,31,200,4,0)",
		b.one(t, "SELECT * FROM ingest_counters"))
}

// A repetition under the same token is ignored, rows are counted by range, and a purge takes its
// range and nothing else.
func TestInsertCountPurge(t *testing.T) { eachProtocol(t, testInsertCountPurge) }

func testInsertCountPurge(t *testing.T, b *bundle) {
	t.Helper()
	count := func(from uint64) writer.Counts {
		c, err := b.Count(b.ctx, key(from, 0), written(from, 3))
		require.NoError(t, err)
		return c
	}
	require.Equal(t, writer.Counts{}, count(4))
	full := writer.Counts{Events: 3, Sessions: 1, Counters: 1}
	for range 3 {
		require.NoError(t, b.Insert(b.ctx, key(4, 0), written(4, 3)))
		require.Equal(t, full, count(4))
	}
	require.NoError(t, b.Insert(b.ctx, key(6, 0), written(6, 3)))
	require.Equal(t, full, count(6))

	// A new token inserts again; of a session, one row counts.
	require.NoError(t, b.Insert(b.ctx, key(6, 1), written(6, 3)))
	require.Equal(t, writer.Counts{Events: 6, Sessions: 1, Counters: 2}, count(6))
	for range 2 {
		require.NoError(t, b.Purge(b.ctx, key(6, 2), written(6, 3)))
		require.Equal(t, writer.Counts{}, count(6))
	}
	require.Equal(t, full.Events, count(4).Events)
	require.NoError(t, b.Insert(b.ctx, key(6, 2), written(6, 3)))
	require.Equal(t, full, count(6))

	// The latest version of the session counts, also after a merge.
	require.NoError(t, b.sql.Exec(b.ctx, "OPTIMIZE TABLE sessions FINAL"))
	require.Equal(t, "(1)", b.one(t, "SELECT count() FROM sessions"))
	require.Equal(t, fmt.Sprintf("(%d)", 6<<16|3), b.one(t, "SELECT version FROM sessions"))
	require.NoError(t, b.Insert(b.ctx, key(8, 0), writer.Rows{}))
}
