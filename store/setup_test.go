package store_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/store/dispatch"
	"github.com/sluicehq/sluice/store/importing"
)

// bundle is a migrated store with its halves, and a plain connection to its database.
type bundle struct {
	*dispatch.Store
	ctx context.Context
	sql *pgx.Conn
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{ctx: enginetest.Context(t)}
	opened, sql := enginetest.OpenStore(t)
	b.Store, b.sql = dispatch.New(opened, nil), sql
	return b
}

// exec runs a statement on the database behind the store's back.
func (b *bundle) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	_, err := b.sql.Exec(b.ctx, statement, args...)
	require.NoError(t, err)
}

// create creates a site with an import of those arguments.
func (b *bundle) create(t *testing.T, args string) importing.Import {
	t.Helper()
	site, err := b.Imports.AddSite(b.ctx, importing.NewSite{Domain: "example.com", TimeZone: "Europe/Berlin"})
	require.NoError(t, err)
	imp, _, err := b.Imports.CreateImport(b.ctx, importing.NewImport{ImportFields: importing.ImportFields{
		SiteID: site.ID, Source: "noop", Label: "No-op", Args: json.RawMessage(args),
		OnPartFailure: importing.OnPartFailurePark, MaxRejects: 10, MaxRejectShare: 0.5,
		ChunkRows: 1000, ChunkBytes: 1 << 20, Parallelism: 2, ReviewReminderS: 60, ReviewExpiryS: 3600,
	}})
	require.NoError(t, err)
	return imp
}

// apply makes flows of names and specifications the only ones.
func (b *bundle) apply(t *testing.T, specs ...string) {
	t.Helper()
	set := delivery.FlowSet{Prune: true}
	for i := 0; i < len(specs); i += 2 {
		set.Flows = append(set.Flows, delivery.FlowSpec{Name: specs[i], Spec: json.RawMessage(specs[i+1])})
	}
	_, err := b.Deliveries.ApplyFlows(b.ctx, set)
	require.NoError(t, err)
}
