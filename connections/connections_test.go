package connections_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/connections/connectiontest"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// bundle is the service on a store and a key set of the test's own.
type bundle struct {
	*connections.Connections
	ctx    context.Context
	keyset string
	sql    *pgx.Conn
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{ctx: enginetest.Context(t), keyset: filepath.Join(t.TempDir(), "keyset.json")}
	_, err := connections.CreateKeysetFile(b.keyset)
	require.NoError(t, err)
	opened, sql := enginetest.OpenStore(t)
	b.sql = sql
	b.Connections = &connections.Connections{
		Store: deliverystore.New(opened, nil), Vault: connections.NewVault(connections.VaultConfig{KeysetFile: b.keyset}),
		Registry: connections.NewRegistry(connectiontest.Kind{}),
	}
	return b
}

// shop is a connection with the planted secret.
func shop(settings string) connections.New {
	return connections.New{
		Name: "shop", Kind: "example", Settings: json.RawMessage(settings), Secrets: map[string]string{"token": planted},
	}
}

func (b *bundle) add(t *testing.T, n connections.New) connections.Info {
	t.Helper()
	info, err := b.Add(b.ctx, n)
	require.NoError(t, err)
	return info
}

func TestAddAndOpen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	added := b.add(t, shop(`{"page_size": 7}`))
	require.JSONEq(t, `{"endpoint": "https://api.example.com", "page_size": 7, "behave": "well"}`, string(added.Settings))
	require.Equal(t, []string{"token"}, added.Secrets)
	require.Equal(t, connections.KeyPrimary, added.KeyStatus)
	require.EqualValues(t, 1, added.Version)
	shown, err := b.Show(b.ctx, "shop")
	require.NoError(t, err)
	require.Equal(t, deliverystore.ConnectionHealthy, shown.Health.State)
	require.Empty(t, shown.UsedBy)
	added.Health, added.UsedBy = shown.Health, shown.UsedBy
	require.Equal(t, added, shown)
	opened, err := b.Open(b.ctx, "shop")
	require.NoError(t, err)
	require.Equal(t, planted, opened.Secrets["token"])
	require.Equal(t, "example connection shop", opened.String())
	require.JSONEq(t, string(added.Settings), string(opened.Settings))

	_, err = b.Add(b.ctx, shop(""))
	require.ErrorIs(t, err, store.ErrTaken)
	_, err = b.Open(b.ctx, "shops")
	require.ErrorIs(t, err, connections.ErrNotFound)
	require.EqualError(t, err, "connection shops: no such connection")
	require.NotErrorIs(t, err, store.ErrNotFound)

	// Nothing of it is in clear in the database, in whatever form.
	rows, err := b.sql.Query(b.ctx, "SELECT c::text, encode(sealed, 'escape'), encode(sealed, 'base64') FROM connections c")
	require.NoError(t, err)
	texts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var whole, sealed, encoded string
		err := row.Scan(&whole, &sealed, &encoded)
		return whole + sealed + encoded, err
	})
	require.NoError(t, err)
	require.Len(t, texts, 1)
	require.NotContains(t, texts[0], planted)
	require.NotContains(t, texts[0], fmt.Sprintf("%x", planted))
}

func TestAddRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, tc := range map[string]struct {
		change func(*connections.New)
		want   string
	}{
		"name": {func(n *connections.New) { n.Name = "Shop" }, `"Shop" is not the name of a connection: want 1 to 63 lower-case ` +
			`letters, digits, dashes and underscores, with a letter or digit first`},
		"kind": {func(n *connections.New) { n.Kind = "nope" }, `unknown kind of connection "nope" (want example)`},
		"everything at once": {
			func(n *connections.New) {
				n.Settings = json.RawMessage(`{"page_size": "` + planted + `"}`)
				n.Secrets = map[string]string{"note": "", planted: planted}
			},
			"settings of example: setting \"page_size\": want a whole number, got a string\n" +
				"the secret token is missing: access token, from the account's page\n" +
				"the secret note is empty\n" +
				"unknown secret: those of example are token, note",
		},
		"not text":  {func(n *connections.New) { n.Secrets["note"] = "\xff" }, "the secret note is not text in UTF-8"},
		"too large": {func(n *connections.New) { n.Secrets["note"] = strings.Repeat("x", 1<<16+1) }, "the secret note has 65537 bytes: want at most 65536"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := shop("")
			tc.change(&n)
			_, err := b.Add(b.ctx, n)
			require.EqualError(t, err, tc.want)
		})
	}
	for _, name := range []string{"", "-a", "_a", "a/b", "a b", "é", strings.Repeat("a", 64), "a\n"} {
		require.Error(t, connections.CheckName(name), name)
	}
	without := &connections.Connections{Store: b.Store, Registry: b.Registry}
	_, err := without.Add(b.ctx, shop(""))
	require.ErrorIs(t, err, connections.ErrNoKeyset)
	all, err := b.List(b.ctx)
	require.NoError(t, err)
	require.Empty(t, all, "nothing was stored")
}

// Of two replacements of the same version one wins; the other one returns an error.
func TestReplaceAtTheSameTime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := b.add(t, shop(""))
	const many = 8
	errs := make([]error, many)
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() {
			n := shop(fmt.Sprintf(`{"page_size": %d}`, i+1))
			n.Secrets = map[string]string{"token": fmt.Sprintf("token-%d", i)}
			_, errs[i] = b.Replace(b.ctx, n, before.Version)
		})
	}
	all.Wait()
	winner := -1
	for i, err := range errs {
		if err == nil {
			require.Equal(t, -1, winner, "a second one has won")
			winner = i
			continue
		}
		require.ErrorIs(t, err, store.ErrConflict)
		require.EqualError(t, err, "connection shop was changed meanwhile: not possible in this state")
	}
	opened, err := b.Open(b.ctx, "shop")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"token": fmt.Sprintf("token-%d", winner)}, opened.Secrets)
	require.JSONEq(t, fmt.Sprintf(`{"endpoint": "https://api.example.com", "page_size": %d, "behave": "well"}`, winner+1),
		string(opened.Settings), "settings and secrets are of the same one")
	after, err := b.Show(b.ctx, "shop")
	require.NoError(t, err)
	require.EqualValues(t, 2, after.Version)
	require.Equal(t, before.CreatedAt, after.CreatedAt)

	n := shop("")
	n.Name = "shops"
	_, err = b.Replace(b.ctx, n, 1)
	require.ErrorIs(t, err, connections.ErrNotFound)
	n = shop("")
	n.Kind = "webhook"
	_, err = b.Replace(b.ctx, n, 2)
	require.EqualError(t, err, "connection shop is of kind example: its kind cannot be changed")
}

// A secret is replaced while the others and the settings stay.
func TestSetSecrets(t *testing.T) {
	t.Parallel()
	b := setup(t)
	n := shop(`{"page_size": 7}`)
	n.Secrets["note"] = "kept"
	b.add(t, n)
	info, err := b.SetSecrets(b.ctx, "shop", map[string]string{"token": "new-token"})
	require.NoError(t, err)
	require.EqualValues(t, 2, info.Version)
	opened, err := b.Open(b.ctx, "shop")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"token": "new-token", "note": "kept"}, opened.Secrets)
	require.Contains(t, string(opened.Settings), `"page_size": 7`)
	for secret, value := range map[string]string{"token": "", planted: "x"} {
		_, err = b.SetSecrets(b.ctx, "shop", map[string]string{secret: value})
		require.ErrorIs(t, err, connections.ErrInvalid)
		require.NotContains(t, err.Error(), planted)
	}
	_, err = b.SetSecrets(b.ctx, "none", map[string]string{"token": "x"})
	require.ErrorIs(t, err, connections.ErrNotFound)
}

// What stands in the row of another connection does not open there.
func TestSwappedRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.add(t, shop(""))
	other := shop("")
	other.Name, other.Secrets = "other", map[string]string{"token": "another"}
	b.add(t, other)
	_, err := b.sql.Exec(b.ctx, `UPDATE connections c SET sealed = o.sealed, key_id = o.key_id
		FROM connections o WHERE o.name = 'shop' AND c.name = 'other'`)
	require.NoError(t, err)
	_, err = b.Open(b.ctx, "other")
	require.ErrorIs(t, err, connections.ErrSealBroken)
	require.EqualError(t, err, "open connection other: the sealed secrets are corrupt, or belong to another connection")
}

func TestRotate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, name := range []string{"a", "b", "c"} {
		n := shop("")
		n.Name = name
		b.add(t, n)
	}
	changed, err := b.Rotate(b.ctx, "a")
	require.NoError(t, err)
	require.False(t, changed, "it is sealed with the primary key")
	next, err := connections.RotateKeysetFile(b.keyset)
	require.NoError(t, err)
	old, err := b.Show(b.ctx, "a")
	require.NoError(t, err)
	require.Equal(t, connections.KeyOld, old.KeyStatus)

	changed, err = b.Rotate(b.ctx, "a")
	require.NoError(t, err)
	require.True(t, changed)
	// One whose key is lost does not keep the others from being rotated.
	_, err = b.sql.Exec(b.ctx, "UPDATE connections SET key_id = 1 WHERE name = 'b'")
	require.NoError(t, err)
	n, err := b.RotateAll(b.ctx)
	require.Equal(t, 1, n)
	require.ErrorIs(t, err, connections.ErrUnknownKey)
	require.ErrorContains(t, err, "open connection b: the key set lacks the key 1: ")
	primary, err := next.Primary()
	require.NoError(t, err)
	all, err := b.List(b.ctx)
	require.NoError(t, err)
	for _, info := range all {
		if info.Name == "b" {
			require.Equal(t, connections.KeyMissing, info.KeyStatus)
			continue
		}
		require.Equal(t, primary, info.KeyID)
		opened, err := b.Open(b.ctx, info.Name)
		require.NoError(t, err)
		require.Equal(t, planted, opened.Secrets["token"])
	}
	b.Vault = nil
	shown, err := b.Show(b.ctx, "a")
	require.NoError(t, err, "looking needs no key set")
	require.Equal(t, connections.KeyUnknown, shown.KeyStatus)
	_, err = b.Rotate(b.ctx, "a")
	require.ErrorIs(t, err, connections.ErrNoKeyset)
}

func TestTest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for behave, want := range map[string]struct {
		lines []string
		err   string
	}{
		connectiontest.BehaveWell:   {[]string{"reached https://api.example.com", "credentials accepted"}, ""},
		connectiontest.BehaveLeak:   {[]string{"reached https://api.example.com", "token=[secret]"}, ""},
		connectiontest.BehaveRefuse: {[]string{"reached https://api.example.com"}, `connection refuse: the token "[secret]" is rejected`},
		connectiontest.BehavePanic:  {[]string{}, "connection panic: the test of kind example panicked: token [secret]"},
	} {
		n := shop(`{"behave": "` + behave + `"}`)
		n.Name = behave
		b.add(t, n)
		report, err := b.Test(b.ctx, behave)
		require.Equal(t, want.lines, report.Lines)
		if want.err == "" {
			require.NoError(t, err)
			continue
		}
		require.EqualError(t, err, want.err)
		for inner := err; inner != nil; inner = errors.Unwrap(inner) {
			require.NotContains(t, fmt.Sprintf("%+v %#v", inner, inner), planted)
		}
	}
	n := shop(`{"behave": "hang"}`)
	n.Name = "hang"
	b.add(t, n)
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	_, err := b.Test(ctx, "hang")
	require.ErrorIs(t, err, context.Canceled)
	require.NotContains(t, err.Error(), planted)

	b.Registry = connections.NewRegistry()
	_, err = b.Test(b.ctx, "hang")
	require.EqualError(t, err, `connection hang: unknown kind of connection "example" (none is registered)`)
	_, err = b.Test(b.ctx, "missing")
	require.ErrorIs(t, err, connections.ErrNotFound)
}
