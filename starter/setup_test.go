package starter_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/csv"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
)

const site = "example.com"

// setup returns a system with a site and without a worker.
func setup(t *testing.T) *enginetest.System {
	t.Helper()
	s := enginetest.NewSystem(t, importers.NewRegistry(enginetest.Impatient(noop.New()), csv.New()))
	s.AddSite(t, site)
	return s
}

// moveBack makes an event older than it is.
func moveBack(ctx context.Context, t *testing.T, s *enginetest.System, event string, age time.Duration) {
	t.Helper()
	conn, err := pgx.Connect(ctx, s.Settings.Store.DSN)
	require.NoError(t, err)
	_, err = conn.Exec(ctx, "UPDATE events SET received_at = now() - $2::interval WHERE id = $1", event, age)
	require.NoError(t, errors.Join(err, conn.Close(ctx)))
}

func request(args string) starter.Request {
	return starter.Request{Site: site, Source: "noop", Args: json.RawMessage(args)}
}

// withoutTemporal returns a starter whose Temporal server does not answer.
func withoutTemporal(t *testing.T, s *enginetest.System) *starter.Starter {
	t.Helper()
	c, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1", Logger: nil})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	away := *s.Starter
	away.Temporal = c
	return &away
}
