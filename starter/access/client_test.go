package access_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/enginetest"
	accessclient "github.com/sluicehq/sluice/starter/access"
	"github.com/sluicehq/sluice/store"
	accessstore "github.com/sluicehq/sluice/store/access"
	"github.com/sluicehq/sluice/store/importing"
)

const password = "correct horse battery"

// bundle is a client of a store with the sites a.example and b.example.
type bundle struct {
	*accessclient.Client
	store *accessstore.Store
	ctx   context.Context
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{ctx: enginetest.Context(t)}
	s, err := store.Open(b.ctx, store.Config{DSN: enginetest.StoreDSN(t)})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	require.NoError(t, s.Migrate(b.ctx))
	for _, domain := range []string{"a.example", "b.example"} {
		_, err := importing.New(s, nil).AddSite(b.ctx, importing.NewSite{Domain: domain, TimeZone: "UTC"})
		require.NoError(t, err)
	}
	b.Client, b.store = accessclient.New(s), accessstore.New(s)
	return b
}

// as returns a context in which an account acts through the API.
func (b *bundle) as(role access.Role, sites access.Scope) context.Context {
	ctx := access.With(b.ctx, access.Principal{Name: "bob", Kind: access.KindAccount, ID: 1, Role: role, Sites: sites})
	return access.WithActor(ctx, access.Actor{Door: access.DoorAPI, Address: "192.0.2.1"})
}

// operations returns all operations of a client, each of which succeeds once as an administrator of all sites.
func (b *bundle) operations() map[string]func(ctx context.Context) error {
	role, sites := access.RoleViewer, access.Sites("a.example")
	return map[string]func(ctx context.Context) error{
		"create token": func(ctx context.Context) error {
			_, _, err := b.CreateToken(ctx, accessclient.NewToken{Name: "ci", Role: role, Sites: sites, Life: time.Hour})
			return err
		},
		"tokens":         func(ctx context.Context) error { _, err := b.Tokens(ctx); return err },
		"revoke token":   func(ctx context.Context) error { _, err := b.RevokeToken(ctx, "old"); return err },
		"accounts":       func(ctx context.Context) error { _, err := b.Accounts(ctx); return err },
		"set account":    func(ctx context.Context) error { _, err := b.SetAccount(ctx, "eve", &role, &sites); return err },
		"disable":        func(ctx context.Context) error { _, err := b.DisableAccount(ctx, "eve", true); return err },
		"reset password": func(ctx context.Context) error { _, err := b.ResetPassword(ctx, "eve", password); return err },
		"audit": func(ctx context.Context) error {
			_, err := b.Audit(ctx, accessstore.AuditFilter{}, accessstore.Page{})
			return err
		},
		"create account": func(ctx context.Context) error {
			_, err := b.CreateAccount(ctx, accessclient.NewAccount{Name: "ann", Password: password, Role: role, Sites: sites})
			return err
		},
	}
}

// Tokens, accounts and the audit need an administrator of all sites.
func TestOperationsNeedAnAdministratorOfAllSites(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := b.as(access.RoleAdmin, access.AllSites())
	_, _, err := b.CreateToken(admin, accessclient.NewToken{Name: "old", Role: access.RoleViewer, Sites: access.AllSites()})
	require.NoError(t, err)
	_, err = b.CreateAccount(admin, accessclient.NewAccount{
		Name: "eve", Password: password, Role: access.RoleViewer, Sites: access.AllSites(),
	})
	require.NoError(t, err)
	for name, operation := range b.operations() {
		require.ErrorIs(t, operation(b.ctx), access.ErrUnauthenticated, name)
		for _, role := range append(access.Roles(), access.RoleIngest) {
			require.ErrorIs(t, operation(b.as(role, access.Sites("a.example"))), access.ErrForbidden, "%s %s", name, role)
			if role != access.RoleAdmin {
				require.ErrorIs(t, operation(b.as(role, access.AllSites())), access.ErrForbidden, "%s %s", name, role)
			}
		}
	}
	for name, operation := range b.operations() {
		require.NoError(t, operation(admin), name)
	}
	entries, err := b.Audit(admin, accessstore.AuditFilter{Who: "bob"}, accessstore.Page{})
	require.NoError(t, err)
	operations := map[string]int{}
	for _, e := range entries {
		require.Equal(t, []string{"api", "192.0.2.1", "account"}, []string{e.Door, e.Address, e.Kind})
		operations[e.Operation]++
	}
	require.Equal(t, map[string]int{
		"token.create": 2, "token.revoke": 1, "account.create": 2, "account.set": 1, "account.disable": 1,
		"account.reset_password": 1,
	}, operations)
}

// Keys of a site need an administrator of the site.
func TestSiteKeysNeedAnAdministratorOfTheSite(t *testing.T) {
	t.Parallel()
	b := setup(t)
	own := b.as(access.RoleAdmin, access.Sites("a.example"))
	key, secret, err := b.CreateSiteKey(own, "a.example", "shop")
	require.NoError(t, err)
	require.True(t, accessstore.IsToken(secret.Reveal()))
	keys, err := b.SiteKeys(own, "a.example")
	require.NoError(t, err)
	require.Len(t, keys, 1)
	for _, ctx := range []context.Context{own, b.as(access.RoleOperator, access.AllSites())} {
		_, _, err = b.CreateSiteKey(ctx, "b.example", "")
		require.ErrorIs(t, err, access.ErrForbidden)
		_, err = b.SiteKeys(ctx, "b.example")
		require.ErrorIs(t, err, access.ErrForbidden)
		_, err = b.RevokeSiteKey(ctx, "b.example", key.Prefix)
		require.ErrorIs(t, err, access.ErrForbidden)
	}
	_, err = b.RevokeSiteKey(own, "a.example", key.Prefix)
	require.NoError(t, err)
	entries, err := b.store.Audit(b.ctx, accessstore.AuditFilter{Site: "a.example"}, accessstore.Page{})
	require.NoError(t, err)
	require.Len(t, entries, 2)
	require.Equal(t, "site.key.revoke", entries[0].Operation)
	require.Equal(t, key.Prefix, entries[1].SubjectID)
	require.NotContains(t, string(entries[1].After), secret.Reveal())
}
