package ingesting_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/enginetest"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	accessstore "github.com/sluicehq/sluice/store/access"
	importstore "github.com/sluicehq/sluice/store/importing"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
	"github.com/sluicehq/sluice/warehouse"
)

const site = "example.com"

// setupSites returns the sites of a store with example.com in Berlin and native.com with native data.
func setupSites(t *testing.T) *ingestclient.Sites {
	t.Helper()
	s := enginetest.Store(t)
	ctx := enginetest.Context(t)
	first, err := calendar.ParseDay("2024-01-01")
	require.NoError(t, err)
	for _, n := range []importstore.NewSite{
		{Domain: site, TimeZone: "Europe/Berlin"}, {Domain: "native.com", TimeZone: "UTC", NativeStart: &first},
	} {
		_, err := s.Imports.AddSite(ctx, n)
		require.NoError(t, err)
	}
	return &ingestclient.Sites{Store: ingeststore.New(s.Store), Imports: s.Imports}
}

// withWarehouse gives sites a migrated warehouse, and returns its DSN.
func withWarehouse(t *testing.T, s *ingestclient.Sites) (w *warehouse.Warehouse, dsn string) {
	t.Helper()
	dsn = enginetest.WarehouseDSN(t)
	w, err := warehouse.Open(warehouse.Config{DSN: dsn})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	require.NoError(t, w.Migrate(enginetest.Context(t)))
	s.Warehouse = func(context.Context) (*warehouse.Warehouse, error) { return w, nil }
	return w, dsn
}

// asAnn returns a context in which an operator acts, whose changes are recorded in the audit.
func asAnn(t *testing.T) context.Context {
	t.Helper()
	return access.With(enginetest.Context(t), access.CLI("ann"))
}

// audit returns the entries of the audit, the oldest first: operation, subject, site, actor and error.
func audit(t *testing.T, s *ingeststore.Store) (rows [][]string) {
	t.Helper()
	entries, err := accessstore.New(s.Store).Audit(enginetest.Context(t), accessstore.AuditFilter{}, accessstore.Page{})
	require.NoError(t, err)
	for _, e := range entries {
		rows = append([][]string{{e.Operation, e.SubjectID, e.Site, e.Who, e.Error}}, rows...)
	}
	return rows
}
