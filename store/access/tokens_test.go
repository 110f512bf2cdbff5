package access_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	roles "github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/access"
)

func newToken(name string) access.NewToken {
	return access.NewToken{Name: name, Role: roles.RoleOperator, Sites: roles.Sites("a.example"), Life: time.Hour, CreatedBy: "ann"}
}

func TestTokenIsStoredAsAHash(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token, secret, err := b.CreateToken(b.ctx, newToken("ci"))
	require.NoError(t, err)
	require.Regexp(t, `^sluice_[a-z2-7]{8}_[A-Za-z0-9_-]{43}$`, secret.Reveal())
	require.True(t, access.IsToken(secret.Reveal()))
	require.True(t, strings.HasPrefix(secret.Reveal(), token.Prefix+"_"))
	encoded, err := json.Marshal(map[string]any{"secret": secret})
	require.NoError(t, err)
	for _, text := range []string{secret.String(), fmt.Sprintf("%+v %#v", secret, secret), string(encoded)} {
		require.NotContains(t, text, secret.Reveal())
		require.Contains(t, text, "hidden")
	}
	var row string
	require.NoError(t, b.sql.QueryRow(b.ctx, "SELECT t::text FROM tokens t").Scan(&row))
	require.NotContains(t, row, secret.Reveal()[len(token.Prefix)+1:])

	found, err := b.TokenByHash(b.ctx, access.Hash(secret.Reveal()))
	require.NoError(t, err)
	require.Equal(t, token.ID, found.ID)
	require.Equal(t, "ci", found.Name)
	require.Equal(t, roles.RoleOperator, found.Role)
	require.Equal(t, []string{"a.example"}, found.Sites.Domains())
	require.InDelta(t, time.Hour.Seconds(), found.Life.Seconds(), 60)
	_, err = b.TokenByHash(b.ctx, access.Hash(secret.Reveal()+"x"))
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestTokensEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, secret, err := b.CreateToken(b.ctx, newToken("ci"))
	require.NoError(t, err)
	_, _, err = b.CreateToken(b.ctx, newToken("ci"))
	require.ErrorIs(t, err, store.ErrTaken)

	// An expired token is refused, and its name is free.
	b.exec(t, "UPDATE tokens SET expires_at = now() - interval '1 second'")
	_, err = b.TokenByHash(b.ctx, access.Hash(secret.Reveal()))
	require.ErrorIs(t, err, store.ErrNotFound)
	require.ErrorContains(t, err, "token ci has expired")
	second, secret, err := b.CreateToken(b.ctx, newToken("ci"))
	require.NoError(t, err)
	tokens, err := b.Tokens(b.ctx)
	require.NoError(t, err)
	require.Len(t, tokens, 2)
	require.Equal(t, second.Prefix, tokens[0].Prefix, "the newest of a name is the first")
	require.True(t, tokens[0].Valid(time.Now()))
	require.False(t, tokens[1].Valid(time.Now()))

	// A revoked token too.
	revoked, err := b.RevokeToken(b.ctx, "ci")
	require.NoError(t, err)
	require.Equal(t, second.Prefix, revoked.Prefix)
	require.NotNil(t, revoked.RevokedAt)
	again, err := b.RevokeToken(b.ctx, second.Prefix)
	require.NoError(t, err)
	require.Equal(t, revoked, again)
	_, err = b.TokenByHash(b.ctx, access.Hash(secret.Reveal()))
	require.ErrorIs(t, err, store.ErrNotFound)
	require.ErrorContains(t, err, "token ci is revoked")

	_, err = b.RevokeToken(b.ctx, "nope")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = b.RevokeToken(b.ctx, "")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = b.RevokeToken(b.ctx, secret.Reveal())
	require.ErrorIs(t, err, access.ErrPrefix)
	require.NotContains(t, err.Error(), secret.Reveal())

	// Tokens that ended long ago are gone.
	b.exec(t, "UPDATE tokens SET revoked_at = now() - interval '91 days'")
	endless := newToken("forever")
	endless.Life, endless.Sites = 0, roles.AllSites()
	_, _, err = b.CreateToken(b.ctx, endless)
	require.NoError(t, err)
	tokens, err = b.Tokens(b.ctx)
	require.NoError(t, err)
	require.Len(t, tokens, 1)
	require.Nil(t, tokens[0].ExpiresAt)
	require.True(t, tokens[0].Sites.All())
}

func TestInvalidTokens(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, c := range map[string]struct {
		change func(n *access.NewToken)
		want   string
	}{
		"name":    {func(n *access.NewToken) { n.Name = "a b" }, `invalid name "a b"`},
		"no name": {func(n *access.NewToken) { n.Name = "" }, `invalid name ""`},
		"scheme":  {func(n *access.NewToken) { n.Name = "sluice_abcdefgh" }, "tokens begin with sluice_"},
		"role":    {func(n *access.NewToken) { n.Role = roles.RoleIngest }, `unknown role "ingest"`},
		"scope":   {func(n *access.NewToken) { n.Sites = roles.Scope{} }, "want all sites, or at least one"},
		"life":    {func(n *access.NewToken) { n.Life = time.Second }, "invalid life 1s"},
	} {
		n := newToken("ci")
		c.change(&n)
		_, _, err := b.CreateToken(b.ctx, n)
		require.ErrorIs(t, err, access.ErrInvalid, name)
		require.ErrorContains(t, err, c.want, name)
	}
	n := newToken("ci")
	n.Sites = roles.Sites("a.example", "c.example")
	_, _, err := b.CreateToken(b.ctx, n)
	require.ErrorIs(t, err, store.ErrNotFound)
	require.ErrorContains(t, err, "site c.example")
}

func TestTokensAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, `INSERT INTO tokens (name, prefix, hash, role) SELECT 't' || i, 'sluice_' || i, sha256(i::text::bytea), 'viewer'
		FROM generate_series(1, $1::integer) i`, access.MaxTokens-1)
	succeeded := 0
	for _, err := range enginetest.AtOnce(3, func(i int) error {
		_, _, err := b.CreateToken(b.ctx, newToken(fmt.Sprintf("ci-%d", i)))
		return err
	}) {
		if err == nil {
			succeeded++
			continue
		}
		require.ErrorIs(t, err, store.ErrLimit)
	}
	require.Equal(t, 1, succeeded)
}

func TestTokenUseIsNotedOnceAMinute(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token, _, err := b.CreateToken(b.ctx, newToken("ci"))
	require.NoError(t, err)
	used := func() *time.Time {
		tokens, err := b.Tokens(b.ctx)
		require.NoError(t, err)
		return tokens[0].LastUsedAt
	}
	require.Nil(t, used())
	require.NoError(t, b.NoteTokenUse(b.ctx, []int64{token.ID, token.ID + 99}))
	first := used()
	require.NoError(t, b.NoteTokenUse(b.ctx, []int64{token.ID}))
	require.Equal(t, first, used())
	b.exec(t, "UPDATE tokens SET last_used_at = last_used_at - interval '61 seconds'")
	require.NoError(t, b.NoteTokenUse(b.ctx, []int64{token.ID}))
	require.True(t, used().After(*first))
}

// A deleted site leaves the scopes of tokens and accounts, and takes its keys with it. A renamed one stays in them.
func TestScopesFollowSites(t *testing.T) {
	t.Parallel()
	b := setup(t)
	n := newToken("ci")
	n.Sites = roles.Sites("a.example", "b.example")
	_, secret, err := b.CreateToken(b.ctx, n)
	require.NoError(t, err)
	b.account(t, "ann", roles.RoleViewer, roles.Sites("b.example"))
	b.exec(t, `INSERT INTO tokens (name, prefix, hash, role, site_ids)
		SELECT '', 'sluice_key', sha256('key'), 'ingest', ARRAY[id] FROM sites WHERE domain = 'b.example'`)
	b.exec(t, "UPDATE sites SET domain = 'new.example' WHERE domain = 'a.example'")
	b.exec(t, "DELETE FROM sites WHERE domain = 'b.example'")
	found, err := b.TokenByHash(b.ctx, access.Hash(secret.Reveal()))
	require.NoError(t, err)
	require.Equal(t, []string{"new.example"}, found.Sites.Domains())
	ann, err := b.Account(b.ctx, "ann")
	require.NoError(t, err)
	require.False(t, ann.Sites.All(), "no site is not all sites")
	require.Empty(t, ann.Sites.Domains())
	var keys int
	require.NoError(t, b.sql.QueryRow(b.ctx, "SELECT count(*) FROM tokens WHERE role = 'ingest'").Scan(&keys))
	require.Zero(t, keys)
}

func TestTokenChangesNotify(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sub, err := b.Subscribe(b.ctx, access.Channel)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sub.Close(b.ctx)) })
	notified := func() {
		t.Helper()
		payload, ok, err := sub.Await(b.ctx)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, "changed", payload)
	}
	token, _, err := b.CreateToken(b.ctx, newToken("ci"))
	require.NoError(t, err)
	notified()
	require.NoError(t, b.NoteTokenUse(b.ctx, []int64{token.ID}))
	_, err = b.RevokeToken(b.ctx, "ci")
	require.NoError(t, err)
	notified()
	b.exec(t, "UPDATE sites SET domain = 'new.example' WHERE domain = 'a.example'")
	notified()
}
