package access_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/enginetest"
	accessclient "github.com/sluicehq/sluice/starter/access"
	"github.com/sluicehq/sluice/store"
	accessstore "github.com/sluicehq/sluice/store/access"
)

// root returns a context in which an administrator acts on the command line.
func (b *bundle) root() context.Context { return access.With(b.ctx, access.CLI("root")) }

// newAccount is an operator of a.example.
func newAccount(name string) accessclient.NewAccount {
	return accessclient.NewAccount{Name: name, Password: password, Role: access.RoleOperator, Sites: access.Sites("a.example")}
}

// Accounts are listed by name, changed, disabled and given another password; the audit has no password.
func TestAccounts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, name := range []string{"eve", "ann"} {
		created, err := b.CreateAccount(b.root(), newAccount(name))
		require.NoError(t, err)
		require.Equal(t, []any{name, access.RoleOperator, access.Sites("a.example"), "root"},
			[]any{created.Name, created.Role, created.Sites, created.CreatedBy})
	}
	all, err := b.Accounts(b.root())
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, []string{"ann", "eve"}, []string{all[0].Name, all[1].Name})

	for name, tc := range map[string]struct {
		change func(n *accessclient.NewAccount)
		is     error
		text   string
	}{
		"name":     {func(n *accessclient.NewAccount) { n.Name = "Ann" }, accessstore.ErrInvalid, `invalid account name "Ann"`},
		"password": {func(n *accessclient.NewAccount) { n.Password = "short" }, accessstore.ErrInvalid, "password"},
		"role":     {func(n *accessclient.NewAccount) { n.Role = "king" }, accessstore.ErrInvalid, "role"},
		"scope":    {func(n *accessclient.NewAccount) { n.Sites = access.Scope{} }, accessstore.ErrInvalid, "want all sites, or at least one"},
		"site":     {func(n *accessclient.NewAccount) { n.Sites = access.Sites("none.example") }, store.ErrNotFound, "none.example"},
		"taken":    {func(n *accessclient.NewAccount) { n.Name = "ann" }, store.ErrTaken, "create account ann"},
	} {
		n := newAccount("bob")
		tc.change(&n)
		_, err := b.CreateAccount(b.root(), n)
		require.ErrorIs(t, err, tc.is, name)
		require.ErrorContains(t, err, tc.text, name)
	}

	viewer, everywhere := access.RoleViewer, access.AllSites()
	set, err := b.SetAccount(b.root(), "ann", &viewer, nil)
	require.NoError(t, err)
	require.Equal(t, []any{viewer, access.Sites("a.example")}, []any{set.Role, set.Sites}, "the sites stay")
	set, err = b.SetAccount(b.root(), "ann", nil, &everywhere)
	require.NoError(t, err)
	require.Equal(t, []any{viewer, everywhere}, []any{set.Role, set.Sites})
	_, err = b.SetAccount(b.root(), "bob", &viewer, nil)
	require.ErrorIs(t, err, store.ErrNotFound)

	session, err := b.Login(b.from("192.0.2.1"), "ann", password)
	require.NoError(t, err)
	set, err = b.DisableAccount(b.root(), "ann", true)
	require.NoError(t, err)
	require.NotNil(t, set.DisabledAt)
	require.False(t, b.live(t, session))
	set, err = b.DisableAccount(b.root(), "ann", false)
	require.NoError(t, err)
	require.Nil(t, set.DisabledAt)
	session, err = b.Login(b.from("192.0.2.1"), "ann", password)
	require.NoError(t, err)
	const next = "another horse battery"
	_, err = b.ResetPassword(b.root(), "ann", next)
	require.NoError(t, err)
	require.False(t, b.live(t, session))
	_, err = b.Login(b.from("192.0.2.1"), "ann", next)
	require.NoError(t, err)
	_, err = b.ResetPassword(b.root(), "bob", next)
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = b.ResetPassword(b.root(), "ann", "short")
	require.ErrorIs(t, err, accessstore.ErrInvalid)

	operations := []string{}
	for _, row := range b.audit(t) {
		if row[1] == "root" {
			operations = append(operations, row[0]+" "+row[5])
		}
	}
	require.Equal(t, []string{
		"account.set ann", "account.set ann", "account.disable ann", "account.enable ann", "account.reset_password ann",
	}, operations)
}

// Tokens are unique by name while they are valid, and are revoked by name or prefix.
func TestTokens(t *testing.T) {
	t.Parallel()
	b := setup(t)
	n := accessclient.NewToken{Name: "ci", Role: access.RoleOperator, Sites: access.Sites("a.example"), Life: time.Hour}
	first, secret, err := b.CreateToken(b.root(), n)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Hour), *first.ExpiresAt, time.Minute)
	found, err := b.store.TokenByHash(b.ctx, accessstore.Hash(secret.Reveal()))
	require.NoError(t, err)
	require.Equal(t, []any{"ci", access.RoleOperator, access.Sites("a.example")}, []any{found.Name, found.Role, found.Sites})
	_, _, err = b.CreateToken(b.root(), n)
	require.ErrorIs(t, err, store.ErrTaken)
	n.Sites = access.Sites("none.example")
	_, _, err = b.CreateToken(b.root(), n)
	require.ErrorIs(t, err, store.ErrNotFound)
	_, _, err = b.CreateToken(b.root(), accessclient.NewToken{Name: "a b", Role: "king", Life: time.Second})
	require.ErrorIs(t, err, accessstore.ErrInvalid)
	require.ErrorContains(t, err, `invalid name "a b"`)
	require.ErrorContains(t, err, "invalid life 1s: want at least 1m, or 0 for ever")

	for range 2 {
		revoked, err := b.RevokeToken(b.root(), first.Prefix)
		require.NoError(t, err)
		require.NotNil(t, revoked.RevokedAt)
	}
	_, err = b.store.TokenByHash(b.ctx, accessstore.Hash(secret.Reveal()))
	require.ErrorIs(t, err, store.ErrNotFound)
	n.Sites, n.Life = access.AllSites(), 0
	second, _, err := b.CreateToken(b.root(), n)
	require.NoError(t, err)
	require.Nil(t, second.ExpiresAt)
	revoked, err := b.RevokeToken(b.root(), "ci")
	require.NoError(t, err)
	require.Equal(t, second.Prefix, revoked.Prefix, "the valid token of the name")
	tokens, err := b.Tokens(b.root())
	require.NoError(t, err)
	require.Len(t, tokens, 2)
	_, err = b.RevokeToken(b.root(), "none")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = b.RevokeToken(b.root(), secret.Reveal())
	require.ErrorIs(t, err, accessstore.ErrPrefix)

	// The audit is read in pages, the newest first, and by what was changed.
	page, err := b.Audit(b.root(), accessstore.AuditFilter{SubjectType: "token"}, accessstore.Page{Limit: 2})
	require.NoError(t, err)
	require.Equal(t, []string{"token.revoke", "token.create"}, []string{page[0].Operation, page[1].Operation})
	require.NotContains(t, string(page[1].After), secret.Reveal())
	rest, err := b.Audit(b.root(), accessstore.AuditFilter{SubjectType: "token"}, accessstore.Page{Before: page[1].ID})
	require.NoError(t, err)
	require.Len(t, rest, 3)
	created, err := b.Audit(b.root(), accessstore.AuditFilter{Operation: "token.create", Who: "root"}, accessstore.Page{})
	require.NoError(t, err)
	require.Len(t, created, 2)
}

// A key of a site that does not exist is not created, listed or revoked.
func TestKeysOfUnknownSites(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, _, err := b.CreateSiteKey(b.root(), "none.example", "shop")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = b.SiteKeys(b.root(), "none.example")
	require.ErrorIs(t, err, store.ErrNotFound)
	key, secret, err := b.CreateSiteKey(b.root(), "a.example", "shop")
	require.NoError(t, err)
	require.Equal(t, "shop", key.Label)
	_, err = b.RevokeSiteKey(b.root(), "b.example", key.Prefix)
	require.ErrorIs(t, err, store.ErrNotFound, "it is the key of another site")
	_, err = b.RevokeSiteKey(b.root(), "a.example", secret.Reveal())
	require.ErrorIs(t, err, accessstore.ErrPrefix)
	for range 2 {
		revoked, err := b.RevokeSiteKey(b.root(), "a.example", key.Prefix)
		require.NoError(t, err)
		require.NotNil(t, revoked.RevokedAt)
	}
}

// An outage of PostgreSQL is no wrong password, and what it has interrupted can be repeated.
func TestOutageOfSessions(t *testing.T) {
	t.Parallel()
	dsn := enginetest.MigratedStoreDSN(t)
	away := enginetest.NewStoreOutage(t, dsn)
	opened := away.Open(t)
	b := &bundle{
		Client: accessclient.New(opened.Store), store: accessstore.New(opened.Store), ctx: enginetest.Context(t),
	}
	b.account(t, "ann")
	ctx := b.from("192.0.2.1")
	session, err := b.Login(ctx, "ann", password)
	require.NoError(t, err)
	for name, call := range map[string]func(c *accessclient.Client) error{
		"login":  func(c *accessclient.Client) error { _, err := c.Login(ctx, "ann", password); return err },
		"logout": func(c *accessclient.Client) error { return c.Logout(b.signedIn(session), session.ID.Reveal()) },
	} {
		away.Meet(t, func() error {
			through := away.Open(t)
			defer through.Close()
			return call(accessclient.New(through.Store))
		}, func(n int, err error) {
			var shutdown *pgconn.PgError
			require.ErrorAs(t, err, &shutdown, "%s, outage at statement %d", name, n)
			require.NotErrorIs(t, err, access.ErrUnauthenticated, name)
			// Attempts that an outage has interrupted count.
			away.End()
			require.NoError(t, b.store.ForgetAttempts(b.ctx, "ann", "192.0.2.1"))
		})
	}
}

// A caller that leaves has no password hashed.
func TestGoneCaller(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.account(t, "ann")
	link := "none"
	gone, cancel := context.WithCancel(b.root())
	cancel()
	for name, call := range map[string]func() error{
		"login":  func() error { _, err := b.Login(gone, "ann", password); return err },
		"set up": func() error { _, err := b.SetUp(gone, link, "ann", password); return err },
		"create": func() error { _, err := b.CreateAccount(gone, newAccount("bob")); return err },
	} {
		require.ErrorIs(t, call(), context.Canceled, name)
	}
}
