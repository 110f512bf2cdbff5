package delivery_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations"
	dlog "github.com/sluicehq/sluice/destinations/log"
	"github.com/sluicehq/sluice/destinations/webhook"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/outbound"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
)

// fixture is a client without a worker.
type fixture struct {
	*deliveryclient.Client
	ctx   context.Context
	store *dispatchstore.Store
}

// setup returns a client of that destination, and its system.
func setup(t *testing.T, destination destinations.Destination) (*fixture, *enginetest.System) {
	t.Helper()
	s := enginetest.NewSystem(t, importers.NewRegistry(noop.New()))
	s.AddSite(t, "example.com")
	client, err := deliveryclient.New(deliveryclient.Config{
		Temporal: s.Temporal, Store: s.Store, Registry: destinations.NewRegistry(destination),
	})
	require.NoError(t, err)
	return &fixture{Client: client, ctx: enginetest.Context(t), store: s.Store}, s
}

// setupPosting returns a client whose only destination delivers in realtime.
func setupPosting(t *testing.T) (*fixture, *enginetest.System) {
	t.Helper()
	return setup(t, webhook.New(outbound.Loopback()))
}

// setupLog returns a client whose only destination is the log.
func setupLog(t *testing.T) *fixture {
	t.Helper()
	h, _ := setup(t, dlog.New())
	return h
}

// moveBack makes an event older than it is.
func moveBack(ctx context.Context, t *testing.T, s *enginetest.System, event string, age time.Duration) {
	t.Helper()
	conn, err := pgx.Connect(ctx, s.Settings.Store.DSN)
	require.NoError(t, err)
	_, err = conn.Exec(ctx, "UPDATE events SET received_at = now() - $2::interval WHERE id = $1", event, age)
	require.NoError(t, errors.Join(err, conn.Close(ctx)))
}
