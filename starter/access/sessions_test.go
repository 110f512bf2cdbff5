package access_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/enginetest"
	accessclient "github.com/sluicehq/sluice/starter/access"
	"github.com/sluicehq/sluice/store"
	accessstore "github.com/sluicehq/sluice/store/access"
)

// from returns the context of a request without a principal from an address.
func (b *bundle) from(address string) context.Context {
	return access.WithActor(b.ctx, access.Actor{Door: access.DoorPage, Address: address, RequestID: "r-1"})
}

// signedIn returns the context of a request with a session.
func (b *bundle) signedIn(s accessclient.Session) context.Context {
	return access.With(b.from("192.0.2.1"), s.Principal)
}

// account creates an account with the password of the tests.
func (b *bundle) account(t *testing.T, name string) {
	t.Helper()
	_, err := b.CreateAccount(access.With(b.ctx, access.CLI("root")), accessclient.NewAccount{
		Name: name, Password: password, Role: access.RoleAdmin, Sites: access.AllSites(),
	})
	require.NoError(t, err)
}

// live tells whether a session has not ended.
func (b *bundle) live(t *testing.T, s accessclient.Session) bool {
	t.Helper()
	_, err := b.store.SessionByHash(b.ctx, accessstore.Hash(s.ID.Reveal()))
	if err != nil {
		require.ErrorIs(t, err, store.ErrNotFound)
	}
	return err == nil
}

// audit returns the entries since the accounts were created, the oldest first: operation, actor, kind, door, address,
// subject and error.
func (b *bundle) audit(t *testing.T) (rows [][]string) {
	t.Helper()
	entries, err := b.store.Audit(b.ctx, accessstore.AuditFilter{}, accessstore.Page{})
	require.NoError(t, err)
	for _, e := range entries {
		require.NotContains(t, string(e.Before)+string(e.After), "argon2id")
		if e.Operation != "account.create" {
			rows = append([][]string{{e.Operation, e.Who, e.Kind, e.Door, e.Address, e.SubjectID, e.Error}}, rows...)
		}
	}
	return rows
}

func TestLogin(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.account(t, "ann")
	b.account(t, "root")
	s, err := b.Login(b.from("192.0.2.1"), "ann", password)
	require.NoError(t, err)
	require.Equal(t, access.Principal{
		Name: "ann", Kind: access.KindAccount, ID: s.Principal.ID, Role: access.RoleAdmin, Sites: access.AllSites(),
		ExpiresAt: s.Principal.ExpiresAt,
	}, s.Principal)
	require.True(t, b.live(t, s))
	for range 2 {
		require.NoError(t, b.Logout(b.signedIn(s), s.ID.Reveal()))
		require.False(t, b.live(t, s))
	}
	require.ErrorIs(t, b.Logout(b.from(""), s.ID.Reveal()), access.ErrUnauthenticated)
	require.ErrorIs(t, b.Logout(access.With(b.ctx, access.CLI("root")), s.ID.Reveal()), store.ErrConflict)

	disabled := true
	_, err = b.store.ChangeAccount(b.ctx, "ann", accessstore.AccountChange{Disabled: &disabled})
	require.NoError(t, err)
	// The answers do not tell what exists.
	for name, c := range map[string][2]string{
		"disabled": {"ann", password}, "unknown": {"eve", password}, "wrong": {"root", password + "x"}, "empty": {"root", ""},
		"no name": {"", password}, "long": {"root", strings.Repeat("x", accessstore.MaxPassword+1)}, "upper": {"ROOT", password},
	} {
		_, err := b.Login(b.from("192.0.2.1"), c[0], c[1])
		require.ErrorIs(t, err, access.ErrUnauthenticated, name)
		require.EqualError(t, err, "not authenticated: unknown account, wrong password or disabled account", name)
	}
	require.Equal(t, [][]string{
		{"account.login", "ann", "account", "page", "192.0.2.1", "ann", ""},
		{"account.logout", "ann", "account", "page", "192.0.2.1", "ann", ""},
	}, b.audit(t), "refused logins and repetitions change nothing")
}

// The right password of an account is refused as well once there were too many attempts.
func TestLoginAttemptsAreLimited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.account(t, "ann")
	for range accessstore.MaxAccountAttempts {
		require.NoError(t, b.store.CountAttempt(b.ctx, "ann", "192.0.2.1"))
	}
	_, err := b.Login(b.from("192.0.2.2"), "ann", password)
	require.ErrorIs(t, err, accessstore.ErrAttempts)
	require.NoError(t, b.store.ForgetAttempts(b.ctx, "ann", "192.0.2.1"))
	for range accessstore.MaxAccountAttempts + 1 {
		_, err = b.Login(b.from("192.0.2.2"), "ann", password)
		require.NoError(t, err, "successful logins do not count")
	}
}

// A hash of older parameters is replaced at the next login.
func TestLoginRenewsTheHash(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.store.CreateAccount(b.ctx, accessstore.NewAccount{
		Name: "ann", Role: access.RoleViewer, Sites: access.AllSites(),
		// The password is "password".
		PasswordHash: "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
	})
	require.NoError(t, err)
	for range 2 {
		_, err = b.Login(b.from("192.0.2.1"), "ann", "password")
		require.NoError(t, err)
		credential, err := b.store.Credential(b.ctx, "ann")
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(credential.PasswordHash, "$argon2id$v=19$m=65536,t=3,p=4$"))
	}
}

func TestSetUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	// Several servers have started.
	other, err := b.store.CreateSetupLink(b.ctx)
	require.NoError(t, err)
	link, err := b.store.CreateSetupLink(b.ctx)
	require.NoError(t, err)
	ctx := b.from("192.0.2.1")
	_, err = b.SetUp(ctx, "x", "ann", password)
	require.ErrorIs(t, err, accessstore.ErrSetupLink)
	_, err = b.SetUp(ctx, link.Reveal(), "ann", "short")
	require.ErrorIs(t, err, accessstore.ErrInvalid)
	s, err := b.SetUp(ctx, link.Reveal(), "ann", password)
	require.NoError(t, err)
	require.Equal(t, access.RoleAdmin, s.Principal.Role)
	require.True(t, s.Principal.Sites.All())
	require.True(t, b.live(t, s))
	for _, secret := range []accessstore.Secret{link, other} {
		_, err = b.SetUp(ctx, secret.Reveal(), "eve", password)
		require.ErrorIs(t, err, accessstore.ErrSetupLink)
	}
	_, err = b.store.CreateSetupLink(b.ctx)
	require.ErrorIs(t, err, accessstore.ErrSetUp)
	require.Equal(t, [][]string{
		{"account.setup", "ann", "account", "page", "192.0.2.1", "ann", ""},
		{"account.login", "ann", "account", "page", "192.0.2.1", "ann", ""},
	}, b.audit(t))
}

// A link creates one administrator, however many use it at once.
func TestSetUpAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	link, err := b.store.CreateSetupLink(b.ctx)
	require.NoError(t, err)
	created := 0
	for _, err := range enginetest.AtOnce(4, func(i int) error {
		_, err := b.SetUp(b.from("192.0.2.1"), link.Reveal(), "ann"+strings.Repeat("x", i), password)
		return err
	}) {
		if err == nil {
			created++
		}
	}
	require.Equal(t, 1, created)
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.account(t, "ann")
	const next = "another horse battery"
	s, err := b.Login(b.from("192.0.2.1"), "ann", password)
	require.NoError(t, err)
	other, err := b.Login(b.from("192.0.2.2"), "ann", password)
	require.NoError(t, err)
	_, err = b.ChangePassword(b.from(""), password, next)
	require.ErrorIs(t, err, access.ErrUnauthenticated)
	_, err = b.ChangePassword(access.With(b.ctx, access.CLI("root")), password, next)
	require.ErrorIs(t, err, store.ErrConflict)
	_, err = b.ChangePassword(b.signedIn(s), next, next)
	require.ErrorIs(t, err, accessclient.ErrPassword)
	_, err = b.ChangePassword(b.signedIn(s), password, "short")
	require.ErrorIs(t, err, accessstore.ErrInvalid)
	require.NotErrorIs(t, err, accessclient.ErrPassword)
	require.True(t, b.live(t, s))

	renewed, err := b.ChangePassword(b.signedIn(s), password, next)
	require.NoError(t, err)
	require.True(t, b.live(t, renewed))
	require.False(t, b.live(t, s), "the ID of a session changes with the password")
	require.False(t, b.live(t, other))
	_, err = b.Login(b.from("192.0.2.1"), "ann", password)
	require.ErrorIs(t, err, access.ErrUnauthenticated)
	_, err = b.Login(b.from("192.0.2.1"), "ann", next)
	require.NoError(t, err)
	rows := b.audit(t)
	require.Len(t, rows, 4)
	require.Equal(t, []string{"account.change_password", "ann", "account", "page", "192.0.2.1", "ann", ""}, rows[2])

	// A session that was stolen does not help to guess the password.
	for range accessstore.MaxAccountAttempts {
		_, err = b.ChangePassword(b.signedIn(renewed), password, next)
		require.ErrorIs(t, err, accessclient.ErrPassword)
	}
	_, err = b.ChangePassword(b.signedIn(renewed), next, password)
	require.ErrorIs(t, err, accessstore.ErrAttempts)
}
