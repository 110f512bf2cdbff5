package ingesting_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/ingesting"
	"github.com/sluicehq/sluice/starter"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/history"
)

// sitesOf returns the operations on the sites of a store.
func sitesOf(s *dispatchstore.Store, w *warehouse.Warehouse) *ingestclient.Sites {
	return &ingestclient.Sites{
		Store: ingeststore.New(s.Store), Imports: s.Imports,
		Warehouse: func(context.Context) (*warehouse.Warehouse, error) { return w, nil },
	}
}

// An error says which server has failed, and the operation succeeds when it is repeated.
func TestOutagesOfSites(t *testing.T) {
	t.Parallel()
	ctx := asAnn(t)
	dsn, warehouseDSN := enginetest.MigratedStoreDSN(t), enginetest.WarehouseDSN(t)
	away, gone := enginetest.NewStoreOutage(t, dsn), enginetest.NewWarehouseOutage(t, warehouseDSN)
	w := gone.Open(t)
	require.NoError(t, w.Migrate(ctx))
	through := away.Open(t)
	_, err := sitesOf(through, w).Add(ctx, ingestclient.NewSite{Domain: site, TimeZone: "UTC"})
	require.NoError(t, err)
	log := serveLog(t)
	opened, err := ingesting.OpenLog(ctx, ingeststore.New(through.Store), log)
	require.NoError(t, err)
	t.Cleanup(opened.Close)

	n, yes := 0, true
	for name, call := range map[string]func(s *ingestclient.Sites) error{
		"add": func(s *ingestclient.Sites) error {
			n++
			_, err := s.Add(ctx, ingestclient.NewSite{Domain: fmt.Sprintf("%d.example", n), TimeZone: "UTC"})
			return err
		},
		"list": func(s *ingestclient.Sites) error {
			_, err := s.Recent(ctx, access.AllSites(), "", "", 10, 7)
			return err
		},
		"show": func(s *ingestclient.Sites) error { _, err := s.Show(ctx, site); return err },
		"set": func(s *ingestclient.Sites) error {
			_, err := s.Set(ctx, site, ingestclient.SiteChange{Block: &yes})
			return err
		},
		"zone": func(s *ingestclient.Sites) error {
			_, err := s.Set(ctx, site, ingestclient.SiteChange{TimeZone: "Europe/Paris"})
			return err
		},
		"shield": func(s *ingestclient.Sites) error {
			_, err := s.AddShields(ctx, site, ingest.Shields{Pages: []string{"/x"}})
			return err
		},
		"writers": func(s *ingestclient.Sites) error { _, err := s.Writers(ctx); return err },
		"log":     func(s *ingestclient.Sites) error { _, err := ingestclient.ShowLog(ctx, s.Store, log); return err },
	} {
		away.Meet(t, func() error {
			s := away.Open(t)
			defer s.Close()
			return call(sitesOf(s, w))
		}, func(n int, err error) {
			var shutdown *pgconn.PgError
			require.ErrorAs(t, err, &shutdown, "%s, outage at statement %d", name, n)
		})
	}

	s := sitesOf(through, w)
	one, err := s.Show(ctx, site)
	require.NoError(t, err)
	reads := map[string]func() error{
		"traffic":     func() error { _, err := s.Traffic(ctx, one); return err },
		"all traffic": func() error { _, err := s.AllTraffic(ctx); return err },
		"history":     func() error { _, err := s.History(ctx, one, ingestclient.HistoryQuery{}); return err },
		"breakdown": func() error {
			_, err := s.Breakdown(ctx, one, ingestclient.BreakdownQuery{By: history.ByPages})
			return err
		},
		"recent": func() error { _, err := s.Recent(ctx, access.AllSites(), "", "", 10, 7); return err },
	}
	for name, call := range reads {
		gone.Meet(t, call, func(n int, err error) {
			if strings.Contains(name, "traffic") {
				require.ErrorContains(t, err, "MEMORY_LIMIT_EXCEEDED", "%s, outage at query %d", name, n)
				return
			}
			// A shorter range does not help a server without memory.
			require.ErrorIs(t, err, history.ErrBusy, "%s, outage at query %d", name, n)
			require.NotErrorIs(t, err, starter.ErrInvalid, name)
		})
	}
	s.Warehouse = func(context.Context) (*warehouse.Warehouse, error) { return nil, context.DeadlineExceeded }
	for name, call := range reads {
		require.ErrorIs(t, call(), context.DeadlineExceeded, name)
	}
}
