package access_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	roles "github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/access"
	"github.com/sluicehq/sluice/store/importing"
)

// bundle is a migrated store with the sites a.example and b.example, and a plain connection to its database.
type bundle struct {
	*access.Store
	ctx context.Context
	sql *pgx.Conn
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{ctx: enginetest.Context(t)}
	dsn := enginetest.StoreDSN(t)
	s, err := store.Open(b.ctx, store.Config{DSN: dsn})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	b.Store = access.New(s)
	require.NoError(t, b.Migrate(b.ctx))
	b.sql, err = pgx.Connect(b.ctx, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.sql.Close(context.Background())) })
	for _, domain := range []string{"a.example", "b.example"} {
		_, err := importing.New(s, nil).AddSite(b.ctx, importing.NewSite{Domain: domain, TimeZone: "UTC"})
		require.NoError(t, err)
	}
	return b
}

// exec runs a statement on the database behind the store's back.
func (b *bundle) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	_, err := b.sql.Exec(b.ctx, statement, args...)
	require.NoError(t, err)
}

// asAnn returns a context in which ann acts on the command line.
func (b *bundle) asAnn() context.Context {
	return roles.WithActor(roles.With(b.ctx, roles.CLI("ann")), roles.Actor{Door: roles.DoorCLI})
}

// hash is no password's: tests that do not sign in need none.
const hash = "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// account creates an account.
func (b *bundle) account(t *testing.T, name string, role roles.Role, sites roles.Scope) access.Account {
	t.Helper()
	a, err := b.CreateAccount(b.ctx, access.NewAccount{Name: name, PasswordHash: hash, Role: role, Sites: sites, CreatedBy: "root"})
	require.NoError(t, err)
	return a
}
