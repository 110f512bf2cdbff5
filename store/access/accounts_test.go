package access_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	roles "github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/access"
)

func TestAccounts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	has, err := b.HasAccounts(b.ctx)
	require.NoError(t, err)
	require.False(t, has)
	ann := b.account(t, "ann", roles.RoleAdmin, roles.AllSites())
	require.True(t, ann.Sites.All())
	require.Nil(t, ann.DisabledAt)
	require.Nil(t, ann.LastLoginAt)
	_, err = b.CreateAccount(b.ctx, access.NewAccount{
		Name: "ann", PasswordHash: hash, Role: roles.RoleViewer, Sites: roles.AllSites(),
	})
	require.ErrorIs(t, err, store.ErrTaken)
	for name, n := range map[string]access.NewAccount{
		"upper case": {Name: "Ann", Role: roles.RoleViewer, Sites: roles.AllSites()},
		"no name":    {Role: roles.RoleViewer, Sites: roles.AllSites()},
		"role":       {Name: "bob", Role: "owner", Sites: roles.AllSites()},
		"ingest":     {Name: "bob", Role: roles.RoleIngest, Sites: roles.AllSites()},
		"no site":    {Name: "bob", Role: roles.RoleViewer},
	} {
		n.PasswordHash = hash
		_, err := b.CreateAccount(b.ctx, n)
		require.ErrorIs(t, err, access.ErrInvalid, name)
	}
	_, err = b.CreateAccount(b.ctx, access.NewAccount{
		Name: "bob", PasswordHash: hash, Role: roles.RoleViewer, Sites: roles.Sites("c.example"),
	})
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = b.Account(b.ctx, "bob")
	require.ErrorIs(t, err, store.ErrNotFound)

	b.account(t, "bob", roles.RoleViewer, roles.Sites("b.example"))
	role, sites := roles.RoleReviewer, roles.Sites("a.example")
	bob, err := b.ChangeAccount(b.ctx, "bob", access.AccountChange{Role: &role, Sites: &sites})
	require.NoError(t, err)
	require.Equal(t, roles.RoleReviewer, bob.Role)
	require.Equal(t, []string{"a.example"}, bob.Sites.Domains())
	accounts, err := b.Accounts(b.ctx)
	require.NoError(t, err)
	require.Len(t, accounts, 2)
	require.Equal(t, bob, accounts[1])
	_, err = b.ChangeAccount(b.ctx, "eve", access.AccountChange{Role: &role})
	require.ErrorIs(t, err, store.ErrNotFound)
}

// No change locks all administrators out, also if two are made at once.
func TestLastAdministratorStays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.account(t, "ann", roles.RoleAdmin, roles.AllSites())
	b.account(t, "site-admin", roles.RoleAdmin, roles.Sites("a.example"))
	disabled, viewer, some := true, roles.RoleViewer, roles.Sites("a.example")
	for name, c := range map[string]access.AccountChange{
		"disabled": {Disabled: &disabled}, "role": {Role: &viewer}, "sites": {Sites: &some},
	} {
		_, err := b.ChangeAccount(b.ctx, "ann", c)
		require.ErrorIs(t, err, store.ErrConflict, name)
	}
	ann, err := b.Account(b.ctx, "ann")
	require.NoError(t, err)
	require.Nil(t, ann.DisabledAt)
	b.account(t, "bob", roles.RoleAdmin, roles.AllSites())
	names, failed := []string{"ann", "bob"}, 0
	for _, err := range enginetest.AtOnce(2, func(i int) error {
		_, err := b.ChangeAccount(b.ctx, names[i], access.AccountChange{Disabled: &disabled})
		return err
	}) {
		if err != nil {
			require.ErrorIs(t, err, store.ErrConflict)
			failed++
		}
	}
	require.Equal(t, 1, failed)
}

func TestSetupLinkWorksOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first, err := b.CreateSetupLink(b.ctx)
	require.NoError(t, err)
	second, err := b.CreateSetupLink(b.ctx)
	require.NoError(t, err)
	var rows int
	require.NoError(t, b.sql.QueryRow(b.ctx, "SELECT count(*) FROM setup_links s WHERE s::text LIKE '%' || $1 || '%'",
		first.Reveal()).Scan(&rows))
	require.Zero(t, rows)

	require.NoError(t, b.CheckSetupLink(b.ctx, first.Reveal()))
	require.ErrorIs(t, b.CheckSetupLink(b.ctx, "x"), access.ErrSetupLink)
	_, err = b.RedeemSetupLink(b.ctx, "x", "ann", hash)
	require.ErrorIs(t, err, access.ErrSetupLink)
	_, err = b.RedeemSetupLink(b.ctx, first.Reveal(), "Ann!", hash)
	require.ErrorIs(t, err, access.ErrInvalid)

	b.exec(t, "UPDATE setup_links SET expires_at = now() - interval '1 second'")
	require.ErrorIs(t, b.CheckSetupLink(b.ctx, first.Reveal()), access.ErrSetupLink)
	_, err = b.RedeemSetupLink(b.ctx, first.Reveal(), "ann", hash)
	require.ErrorIs(t, err, access.ErrSetupLink)
	b.exec(t, "UPDATE setup_links SET expires_at = now() + interval '1 hour'")

	// Of several at once, with links of several servers, one creates the administrator.
	links, succeeded := []access.Secret{first, second, second}, 0
	for _, err := range enginetest.AtOnce(len(links), func(i int) error {
		_, err := b.RedeemSetupLink(b.ctx, links[i].Reveal(), "ann", hash)
		return err
	}) {
		if err == nil {
			succeeded++
			continue
		}
		require.ErrorIs(t, err, access.ErrSetUp)
	}
	require.Equal(t, 1, succeeded)
	ann, err := b.Account(b.ctx, "ann")
	require.NoError(t, err)
	require.Equal(t, roles.RoleAdmin, ann.Role)
	require.True(t, ann.Sites.All())
	require.Equal(t, "ann", ann.CreatedBy)
	require.ErrorIs(t, b.CheckSetupLink(b.ctx, first.Reveal()), access.ErrSetupLink)
	_, err = b.CreateSetupLink(b.ctx)
	require.ErrorIs(t, err, access.ErrSetUp)
}
