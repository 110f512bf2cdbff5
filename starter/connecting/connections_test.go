package connecting_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/connections/connectiontest"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/starter"
	connectclient "github.com/sluicehq/sluice/starter/connecting"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/worker"
)

// setup returns the operations on a system without a worker, whose workers have the kind for tests.
func setup(t *testing.T) (connectclient.Connections, *enginetest.System) {
	t.Helper()
	s := enginetest.NewSystem(t, importers.NewRegistry(noop.New()))
	keys, err := connections.NewKeyset()
	require.NoError(t, err)
	text, err := keys.JSON()
	require.NoError(t, err)
	s.Settings.Connections.Keyset = string(text)
	kinds := connections.NewRegistry(connectiontest.Kind{})
	s.Tune = func(cfg *worker.Config) { cfg.Connections = kinds }
	return connectclient.Connections{
		Connections: &connections.Connections{
			Store: s.Store.Deliveries, Vault: connections.NewVault(wiring.Vault(s.Settings.Connections)), Registry: kinds,
		},
		Deliveries: func(context.Context) (*deliveryclient.Client, error) {
			return deliveryclient.New(deliveryclient.Config{
				Temporal: s.Temporal, Store: s.Store, Registry: destinations.NewRegistry(),
			})
		},
		Starter: func(context.Context) (*starter.Starter, error) { return s.Starter, nil },
	}, s
}

func example(behave string) connections.New {
	return connections.New{
		Name: "shop", Kind: "example", Settings: json.RawMessage(`{"behave": "` + behave + `"}`),
		Secrets: map[string]string{"token": "planted-secret"},
	}
}

func TestPutPauseAndResume(t *testing.T) {
	t.Parallel()
	c, _ := setup(t)
	ctx := enginetest.Context(t)
	_, replaced, err := c.Put(ctx, example(connectiontest.BehaveWell))
	require.NoError(t, err)
	require.False(t, replaced)
	info, replaced, err := c.Put(ctx, example(connectiontest.BehaveRefuse))
	require.NoError(t, err)
	require.True(t, replaced)
	require.EqualValues(t, 2, info.Version)
	_, err = c.Add(ctx, example(connectiontest.BehaveWell))
	require.ErrorIs(t, err, store.ErrTaken)
	_, err = c.Replace(ctx, example(connectiontest.BehaveWell), 1)
	require.ErrorIs(t, err, store.ErrConflict)

	require.NoError(t, c.Pause(ctx, "shop", starter.By{Who: "ann", Why: "maintenance"}))
	info, err = c.Show(ctx, "shop")
	require.NoError(t, err)
	require.Equal(t, deliverystore.ConnectionPaused, info.Health.State)
	require.Equal(t, "maintenance", info.Health.PausedReason)
	require.NoError(t, c.Resume(ctx, "shop"))
	changed, err := c.RotateAll(ctx)
	require.NoError(t, err)
	require.Zero(t, changed, "the primary key has sealed it")
	require.NoError(t, c.Remove(ctx, "shop", false))
	for name, err := range map[string]error{
		"pause": c.Pause(ctx, "shop", starter.By{}), "resume": c.Resume(ctx, "shop"), "remove": c.Remove(ctx, "shop", false),
	} {
		require.ErrorIs(t, err, connections.ErrNotFound, name)
	}
	require.ErrorIs(t, c.Resume(ctx, "No Name"), connections.ErrInvalid)
}

// A connection is tested by a worker that has its kind, or in this process.
func TestTest(t *testing.T) {
	t.Parallel()
	c, s := setup(t)
	s.StartWorker(t)
	ctx := enginetest.Context(t)
	_, err := c.Test(ctx, "shop")
	require.ErrorIs(t, err, connections.ErrNotFound)
	for behave, ok := range map[string]bool{connectiontest.BehaveWell: true, connectiontest.BehaveRefuse: false} {
		_, _, err := c.Put(ctx, example(behave))
		require.NoError(t, err)
		for name, test := range map[string]func(context.Context, string) (connectclient.Tested, error){
			"worker": c.Test, "here": c.TestHere,
		} {
			tested, err := test(ctx, "shop")
			require.NoError(t, err, name)
			require.Equal(t, ok, tested.OK, name)
			require.NotEmpty(t, tested.Lines, name)
			require.Equal(t, ok, tested.Error == "", name)
			require.NotContains(t, tested.Error, "planted-secret", name)
		}
	}
	tested, err := s.Starter.TestConnection(ctx, "none", "example")
	require.NoError(t, err)
	require.Contains(t, tested.Error, "connection none")
}
