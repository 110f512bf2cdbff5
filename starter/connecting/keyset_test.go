package connecting_test

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/connections/connectiontest"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/ingesting"
	"github.com/sluicehq/sluice/starter"
	connectclient "github.com/sluicehq/sluice/starter/connecting"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	"github.com/sluicehq/sluice/store"
	accessstore "github.com/sluicehq/sluice/store/access"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

// errAway is the error of what cannot be reached.
var errAway = errors.New("away")

// keyed returns the operations on the connections of a store, with a key set in a file, without Temporal.
func keyed(s *dispatchstore.Store, file string) connectclient.Connections {
	return connectclient.Connections{
		Connections: &connections.Connections{
			Store: s.Deliveries, Vault: connections.NewVault(connections.VaultConfig{KeysetFile: file}),
			Registry: connections.NewRegistry(connectiontest.Kind{}),
		},
		Deliveries: func(context.Context) (*deliveryclient.Client, error) { return nil, errAway },
		Starter:    func(context.Context) (*starter.Starter, error) { return nil, errAway },
	}
}

// newKeyset creates a key set and returns its file.
func newKeyset(t *testing.T) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "keyset.json")
	_, err := connections.CreateKeysetFile(file)
	require.NoError(t, err)
	return file
}

// named is example with a name.
func named(name, behave string) connections.New {
	n := example(behave)
	n.Name = name
	return n
}

// Connections are listed by name without their secrets, single secrets are replaced, and what is in use stays.
func TestListAndSetSecrets(t *testing.T) {
	t.Parallel()
	s := enginetest.Store(t)
	c := keyed(s, newKeyset(t))
	ctx := access.With(enginetest.Context(t), access.CLI("ann"))
	for _, name := range []string{"shop", "mail"} {
		added, err := c.Add(ctx, named(name, connectiontest.BehaveWell))
		require.NoError(t, err)
		require.Equal(t, []any{connections.KeyPrimary, int64(1)}, []any{added.KeyStatus, added.Version})
	}
	_, err := c.Add(ctx, connections.New{Name: "other", Kind: "example", Settings: json.RawMessage(`{"page_size": 0}`)})
	require.ErrorIs(t, err, connections.ErrInvalid)
	require.EqualError(t, err, "settings of example: setting \"page_size\": want at least 1\n"+
		"the secret token is missing: access token, from the account's page")

	set, err := c.SetSecrets(ctx, "shop", map[string]string{"note": "second"})
	require.NoError(t, err)
	require.Equal(t, []any{[]string{"note", "token"}, int64(2)}, []any{set.Secrets, set.Version})
	opened, err := c.Open(ctx, "shop")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"token": "planted-secret", "note": "second"}, opened.Secrets, "the others stay")
	_, err = c.SetSecrets(ctx, "shop", map[string]string{"password": "x"})
	require.ErrorIs(t, err, connections.ErrInvalid)
	_, err = c.SetSecrets(ctx, "none", nil)
	require.ErrorIs(t, err, connections.ErrNotFound)

	_, err = syncstore.New(s.Store).Create(ctx, syncstore.NewSync{
		Name: "news", FromKind: "example", FromConnection: "shop", ListID: "1", ToKind: "example", ToConnection: "mail",
		Every: time.Hour, Settings: json.RawMessage(`{}`),
	})
	require.NoError(t, err)
	all, err := c.List(ctx, connectclient.Filter{})
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, []string{"mail", "shop"}, []string{all[0].Name, all[1].Name})
	require.Equal(t, []store.ConnectionUse{{Kind: "sync", Name: "news"}}, all[1].UsedBy)
	text, err := json.Marshal(all)
	require.NoError(t, err)
	require.NotContains(t, string(text), "planted-secret")
	require.ErrorIs(t, c.Remove(ctx, "shop", false), store.ErrInUse)
	require.NoError(t, c.Remove(ctx, "shop", true))
	_, err = c.Show(ctx, "shop")
	require.ErrorIs(t, err, connections.ErrNotFound)

	entries, err := accessstore.New(s.Store).Audit(ctx, accessstore.AuditFilter{SubjectID: "shop"}, accessstore.Page{})
	require.NoError(t, err)
	operations := []string{}
	for _, e := range entries {
		require.NotContains(t, string(e.Before)+string(e.After), "second", "a secret is not in the audit")
		operations = append([]string{e.Operation + " " + e.Error}, operations...)
	}
	require.Equal(t, []string{"connection.add ", "connection.replace ", "connection.remove "}, operations)
}

// A rotated key set seals what another key has sealed; what a lost one has sealed cannot be opened.
func TestRotateAndAdoptKeyset(t *testing.T) {
	t.Parallel()
	s, file := enginetest.Store(t), newKeyset(t)
	c := keyed(s, file)
	ctx := enginetest.Context(t)
	ingestion := ingeststore.New(s.Store)
	_, err := ingesting.NewSecrets(ingestion, c.Connections).PartitionKey(ctx)
	require.NoError(t, err)
	sealedBy := func() uint32 {
		t.Helper()
		secrets, err := ingestion.Secrets(ctx)
		require.NoError(t, err)
		require.Len(t, secrets, 1)
		return secrets["partition-key"].KeyID
	}
	for _, name := range []string{"mail", "shop", "tills"} {
		_, err := c.Add(ctx, named(name, connectiontest.BehaveWell))
		require.NoError(t, err)
	}
	before := sealedBy()
	_, err = connections.RotateKeysetFile(file)
	require.NoError(t, err)
	info, err := c.Show(ctx, "shop")
	require.NoError(t, err)
	require.Equal(t, connections.KeyOld, info.KeyStatus)
	for _, want := range []bool{true, false} {
		changed, err := c.Rotate(ctx, "shop")
		require.NoError(t, err)
		require.Equal(t, want, changed)
	}
	_, err = c.Rotate(ctx, "none")
	require.ErrorIs(t, err, connections.ErrNotFound)
	for _, want := range []int{2, 0} {
		changed, err := c.RotateAll(ctx)
		require.NoError(t, err)
		require.Equal(t, want, changed)
	}
	require.NotEqual(t, before, sealedBy(), "the secrets of the ingestion are sealed anew, too")

	lost := keyed(s, newKeyset(t))
	_, err = lost.RotateAll(ctx)
	require.ErrorIs(t, err, connections.ErrOtherKeyset)
	tested, err := lost.TestHere(ctx, "shop")
	require.NoError(t, err)
	require.False(t, tested.OK, "the key set lacks the key")
	require.Contains(t, tested.Error, "open connection shop: ")
	require.Equal(t, []string{}, tested.Lines)
	adopted, err := lost.AdoptKeyset(ctx)
	require.NoError(t, err)
	require.Equal(t, connectclient.Adopted{
		Closed: []string{"mail", "shop", "tills"}, Replaced: []string{"partition-key"},
	}, adopted)
	_, replaced, err := lost.Put(ctx, example(connectiontest.BehaveWell))
	require.NoError(t, err)
	require.True(t, replaced)
	tested, err = lost.TestHere(ctx, "shop")
	require.NoError(t, err)
	require.Equal(t, connectclient.Tested{
		Connection: "shop", OK: true, Lines: []string{"reached https://api.example.com", "credentials accepted"},
	}, tested)
	_, err = keyed(s, "").AdoptKeyset(ctx)
	require.ErrorIs(t, err, connections.ErrNoKeyset)
}

// What goes wrong beside the connection is an error, and no result about the connection.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	dsn := enginetest.MigratedStoreDSN(t)
	away := enginetest.NewStoreOutage(t, dsn)
	s, file := away.Open(t), newKeyset(t)
	c := keyed(s, file)
	ctx := enginetest.Context(t)
	_, err := c.Add(ctx, example(connectiontest.BehaveHang))
	require.NoError(t, err)
	require.NoError(t, c.Pause(ctx, "shop", starter.By{Who: "ann", Why: "maintenance"}))
	err = c.Resume(ctx, "shop")
	require.ErrorIs(t, err, errAway)
	require.EqualError(t, err, "resumed connection shop, but failed to notify the workflows of destinations: away")
	info, err := c.Show(ctx, "shop")
	require.NoError(t, err)
	require.Nil(t, info.Health.PausedAt)

	impatient, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	_, err = c.TestHere(impatient, "shop")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = c.TestHere(ctx, "none")
	require.ErrorIs(t, err, connections.ErrNotFound)
	_, err = c.Test(ctx, "shop")
	require.ErrorIs(t, err, errAway)
	for behave, text := range map[string]string{
		connectiontest.BehaveLeak: "", connectiontest.BehavePanic: "the test of kind example panicked: ",
	} {
		_, _, err = c.Put(ctx, example(behave))
		require.NoError(t, err)
		tested, err := c.TestHere(ctx, "shop")
		require.NoError(t, err)
		require.Equal(t, text == "", tested.OK, behave)
		require.Contains(t, tested.Error, text)
		require.NotContains(t, strings.Join(append(tested.Lines, tested.Error), "\n"), "planted-secret", behave)
	}

	for name, call := range map[string]func(c connectclient.Connections) error{
		"list": func(c connectclient.Connections) error { _, err := c.List(ctx, connectclient.Filter{}); return err },
		"put": func(c connectclient.Connections) error {
			_, _, err := c.Put(ctx, example(connectiontest.BehaveWell))
			return err
		},
		"test":   func(c connectclient.Connections) error { _, err := c.TestHere(ctx, "shop"); return err },
		"rotate": func(c connectclient.Connections) error { _, err := c.RotateAll(ctx); return err },
		"adopt":  func(c connectclient.Connections) error { _, err := c.AdoptKeyset(ctx); return err },
		"pause":  func(c connectclient.Connections) error { return c.Pause(ctx, "shop", starter.By{}) },
	} {
		away.Meet(t, func() error {
			through := away.Open(t)
			defer through.Close()
			return call(keyed(through, file))
		}, func(n int, err error) {
			var shutdown *pgconn.PgError
			require.ErrorAs(t, err, &shutdown, "%s, outage at statement %d", name, n)
		})
	}
}
