package authenticator_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/authenticator"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/store"
	accessstore "github.com/sluicehq/sluice/store/access"
	"github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/store/ingesting"
)

// bundle is a migrated store with the site a.example and an authenticator.
type bundle struct {
	*authenticator.Authenticator
	store *accessstore.Store
	ctx   context.Context
	sql   *pgx.Conn
	// log is what the authenticator has logged.
	log *strings.Builder
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{ctx: enginetest.Context(t), log: &strings.Builder{}}
	dsn := enginetest.StoreDSN(t)
	s, err := store.Open(b.ctx, store.Config{DSN: dsn})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	require.NoError(t, s.Migrate(b.ctx))
	b.store = accessstore.New(s)
	b.sql, err = pgx.Connect(b.ctx, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.sql.Close(context.Background())) })
	_, err = importing.New(s, nil).AddSite(b.ctx, importing.NewSite{Domain: "a.example", TimeZone: "UTC"})
	require.NoError(t, err)
	b.Authenticator, err = authenticator.New(authenticator.Config{
		Store: b.store, Logger: slog.New(slog.NewTextHandler(b.log, nil)),
	})
	require.NoError(t, err)
	return b
}

// run runs the authenticator's loop until stop.
func (b *bundle) run(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(b.ctx)
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			require.NoError(t, <-ended)
		}
	}
	t.Cleanup(stop)
	return stop
}

func (b *bundle) exec(t *testing.T, statement string) {
	t.Helper()
	_, err := b.sql.Exec(b.ctx, statement)
	require.NoError(t, err)
}

// token creates the token ci.
func (b *bundle) token(t *testing.T, life time.Duration) accessstore.Secret {
	t.Helper()
	_, secret, err := b.store.CreateToken(b.ctx, accessstore.NewToken{
		Name: "ci", Role: access.RoleOperator, Sites: access.Sites("a.example"), Life: life,
	})
	require.NoError(t, err)
	return secret
}

func (b *bundle) refused(t require.TestingT, token string) {
	_, err := b.Bearer(b.ctx, token)
	require.ErrorIs(t, err, access.ErrUnauthenticated)
	require.EqualError(t, err, "not authenticated: the token is unknown, revoked or expired")
}

const soon = 20 * time.Second

// fromMemory waits until a token is found without PostgreSQL's table: its row is renamed away and back.
func (b *bundle) fromMemory(t *testing.T, secret accessstore.Secret) {
	t.Helper()
	polltest.Until(t, func(c *polltest.Check) {
		_, err := b.Bearer(b.ctx, secret.Reveal())
		require.NoError(c, err)
		b.exec(t, "ALTER TABLE tokens RENAME TO hidden")
		_, err = b.Bearer(b.ctx, secret.Reveal())
		b.exec(t, "ALTER TABLE hidden RENAME TO tokens")
		require.NoError(c, err)
	}, soon, 10*time.Millisecond)
}

func TestBearer(t *testing.T) {
	t.Parallel()
	for name, running := range map[string]bool{"with memory": true, "without memory": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			if running {
				b.run(t)
			}
			secret := b.token(t, time.Hour)
			if running {
				b.fromMemory(t, secret)
			}
			p, err := b.Bearer(b.ctx, secret.Reveal())
			require.NoError(t, err)
			require.Equal(t, access.Principal{
				Name: "ci", Kind: access.KindToken, ID: p.ID, Role: access.RoleOperator, Sites: access.Sites("a.example"),
				ExpiresAt: p.ExpiresAt,
			}, p)
			require.WithinDuration(t, time.Now().Add(time.Hour), p.ExpiresAt, time.Minute)
			require.Positive(t, p.ID)
			for _, wrong := range []string{
				"", "x", secret.Reveal() + "x", secret.Reveal()[:58], secret.Reveal()[:58] + "!", "Bearer " + secret.Reveal(),
			} {
				b.refused(t, wrong)
			}
			tokens, err := b.store.Tokens(b.ctx)
			require.NoError(t, err)
			require.WithinDuration(t, time.Now(), *tokens[0].LastUsedAt, time.Minute)

			_, err = b.store.RevokeToken(b.ctx, "ci")
			require.NoError(t, err)
			began := time.Now()
			polltest.Until(t, func(c *polltest.Check) { b.refused(c, secret.Reveal()) }, soon, time.Millisecond)
			t.Logf("a revoked token was refused after %s", time.Since(began))

			secret = b.token(t, time.Hour)
			_, err = b.Bearer(b.ctx, secret.Reveal())
			require.NoError(t, err)
			b.exec(t, "UPDATE tokens SET expires_at = now() WHERE revoked_at IS NULL")
			polltest.Until(t, func(c *polltest.Check) { b.refused(c, secret.Reveal()) }, soon, time.Millisecond)
		})
	}
}

// A site's key is a principal that may send events and nothing else.
func TestSiteKeyOpensNothingElse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, secret, err := ingesting.New(b.store.Store).CreateKey(b.ctx, "a.example", "")
	require.NoError(t, err)
	p, err := b.Bearer(b.ctx, secret.Reveal())
	require.NoError(t, err)
	require.NoError(t, p.Authorize(access.PermissionIngest, "a.example"))
	for _, need := range []access.Permission{
		access.PermissionRead, access.PermissionOperate, access.PermissionReview, access.PermissionAdminister,
	} {
		require.ErrorIs(t, p.Authorize(need, "a.example"), access.ErrForbidden)
	}
	require.True(t, strings.HasPrefix(secret.Reveal(), p.Name+"_"), "a key without a label is called by its prefix")
}

// While notifications do not arrive, a revoked token is not accepted from memory.
func TestLostNotifications(t *testing.T) {
	t.Parallel()
	b := setup(t)
	stop := b.run(t)
	secret := b.token(t, time.Hour)
	b.fromMemory(t, secret)
	b.exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
		AND (query LIKE 'LISTEN%' OR query LIKE 'SELECT clock_timestamp%')`)
	b.exec(t, "ALTER TABLE tokens DISABLE TRIGGER tokens_note_change")
	_, err := b.store.RevokeToken(b.ctx, "ci")
	require.NoError(t, err)
	polltest.Until(t, func(c *polltest.Check) { b.refused(c, secret.Reveal()) }, soon, time.Millisecond)
	stop()
	require.Contains(t, b.log.String(), "changes of tokens do not arrive")
	require.NotContains(t, b.log.String(), secret.Reveal())
}

// A session is an account until it ends.
func TestSession(t *testing.T) {
	t.Parallel()
	b := setup(t)
	// No password has this hash.
	const hash = "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	account, err := b.store.CreateAccount(b.ctx, accessstore.NewAccount{
		Name: "ann", PasswordHash: hash, Role: access.RoleAdmin, Sites: access.AllSites(),
	})
	require.NoError(t, err)
	id, err := b.store.CreateSession(b.ctx, accessstore.Credential{AccountID: account.ID, PasswordHash: hash}, "192.0.2.1")
	require.NoError(t, err)
	p, err := b.Session(b.ctx, id.Reveal())
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(accessstore.SessionIdle), p.ExpiresAt, time.Minute)
	require.Equal(t, access.Principal{
		Name: "ann", Kind: access.KindAccount, ID: account.ID, Role: access.RoleAdmin, Sites: access.AllSites(),
		ExpiresAt: p.ExpiresAt,
	}, p)
	require.NoError(t, b.store.DeleteSession(b.ctx, accessstore.Hash(id.Reveal())))
	for _, ended := range []string{id.Reveal(), "x", ""} {
		_, err = b.Session(b.ctx, ended)
		require.ErrorIs(t, err, access.ErrUnauthenticated)
	}
}

func TestNewNeedsAStore(t *testing.T) {
	t.Parallel()
	_, err := authenticator.New(authenticator.Config{})
	require.EqualError(t, err, "new authenticator: store and logger are required")
}
