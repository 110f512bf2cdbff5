package access_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	roles "github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/access"
)

func (b *bundle) session(t *testing.T, name string) access.Secret {
	t.Helper()
	credential, err := b.Credential(b.ctx, name)
	require.NoError(t, err)
	id, err := b.CreateSession(b.ctx, credential, "192.0.2.1")
	require.NoError(t, err)
	return id
}

func TestSessions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ann := b.account(t, "ann", roles.RoleOperator, roles.Sites("a.example"))
	id := b.session(t, "ann")
	require.Len(t, id.Reveal(), 43)
	var rows int
	require.NoError(t, b.sql.QueryRow(b.ctx, "SELECT count(*) FROM account_sessions s WHERE s::text LIKE '%' || $1 || '%'",
		id.Reveal()).Scan(&rows))
	require.Zero(t, rows)
	found, err := b.SessionByHash(b.ctx, access.Hash(id.Reveal()))
	require.NoError(t, err)
	require.Equal(t, ann.ID, found.AccountID)
	require.Equal(t, "ann", found.Name)
	require.Equal(t, roles.RoleOperator, found.Role)
	require.Equal(t, []string{"a.example"}, found.Sites.Domains())
	require.Equal(t, access.SessionIdle, found.Life)
	ann, err = b.Account(b.ctx, "ann")
	require.NoError(t, err)
	require.NotNil(t, ann.LastLoginAt)

	ended := func() {
		t.Helper()
		_, err := b.SessionByHash(b.ctx, access.Hash(id.Reveal()))
		require.ErrorIs(t, err, store.ErrNotFound)
	}
	// A use within the idle time extends it.
	b.exec(t, "UPDATE account_sessions SET last_used_at = now() - interval '11 hours 59 minutes'")
	_, err = b.SessionByHash(b.ctx, access.Hash(id.Reveal()))
	require.NoError(t, err)
	var idle time.Duration
	require.NoError(t, b.sql.QueryRow(b.ctx, "SELECT now() - last_used_at FROM account_sessions").Scan(&idle))
	require.Less(t, idle, time.Minute)
	b.exec(t, "UPDATE account_sessions SET last_used_at = now() - interval '12 hours'")
	ended()
	// The end is fixed however much the session is used.
	b.exec(t, "UPDATE account_sessions SET last_used_at = now(), expires_at = now()")
	ended()
	id = b.session(t, "ann")
	require.NoError(t, b.sql.QueryRow(b.ctx, "SELECT count(*) FROM account_sessions").Scan(&rows))
	require.Equal(t, 1, rows, "a login removes sessions that have ended")
	require.NoError(t, b.DeleteSession(b.ctx, access.Hash(id.Reveal())))
	require.NoError(t, b.DeleteSession(b.ctx, access.Hash(id.Reveal())))
	ended()

	disabled, enabled, other := true, false, hash+"A"
	b.account(t, "root", roles.RoleAdmin, roles.AllSites())
	for _, c := range []access.AccountChange{{Disabled: &disabled}, {PasswordHash: &other}} {
		id = b.session(t, "ann")
		credential, err := b.Credential(b.ctx, "ann")
		require.NoError(t, err)
		_, err = b.ChangeAccount(b.ctx, "ann", c)
		require.NoError(t, err)
		ended()
		// A login that had read the password before does not succeed after.
		_, err = b.CreateSession(b.ctx, credential, "192.0.2.1")
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = b.ChangeAccount(b.ctx, "ann", access.AccountChange{Disabled: &enabled})
		require.NoError(t, err)
		ended()
	}
	credential, err := b.Credential(b.ctx, "eve")
	require.NoError(t, err)
	require.Empty(t, credential.PasswordHash)
}

func TestSessionsOfAnAccountAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.account(t, "ann", roles.RoleViewer, roles.AllSites())
	b.account(t, "bob", roles.RoleViewer, roles.AllSites())
	other, first := b.session(t, "bob"), b.session(t, "ann")
	for range 49 {
		b.session(t, "ann")
	}
	_, err := b.SessionByHash(b.ctx, access.Hash(first.Reveal()))
	require.NoError(t, err)
	b.session(t, "ann")
	_, err = b.SessionByHash(b.ctx, access.Hash(first.Reveal()))
	require.ErrorIs(t, err, store.ErrNotFound, "the oldest one ends")
	_, err = b.SessionByHash(b.ctx, access.Hash(other.Reveal()))
	require.NoError(t, err)
}

func TestRehashReplacesTheSamePasswordOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.account(t, "ann", roles.RoleViewer, roles.AllSites())
	credential, err := b.Credential(b.ctx, "ann")
	require.NoError(t, err)
	require.NoError(t, b.Rehash(b.ctx, credential, "new"))
	require.NoError(t, b.Rehash(b.ctx, credential, "late"))
	credential, err = b.Credential(b.ctx, "ann")
	require.NoError(t, err)
	require.Equal(t, "new", credential.PasswordHash)
}

// attempts counts those that are allowed of some attempts.
func (b *bundle) attempts(t *testing.T, n int, attempt func(i int) (name, address string)) (allowed int) {
	t.Helper()
	for _, err := range enginetest.AtOnce(n, func(i int) error {
		name, address := attempt(i)
		return b.CountAttempt(b.ctx, name, address)
	}) {
		if err == nil {
			allowed++
			continue
		}
		var late access.AttemptsError
		require.ErrorIs(t, err, access.ErrAttempts)
		require.ErrorAs(t, err, &late)
		require.Positive(t, late.RetryAfter)
		require.LessOrEqual(t, late.RetryAfter, access.AttemptWindow)
		require.Zero(t, late.RetryAfter%time.Second)
	}
	return allowed
}

func TestAttemptsAreLimited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	// For an account, from any address, also at once.
	require.Equal(t, access.MaxAccountAttempts, b.attempts(t, access.MaxAccountAttempts+5, func(i int) (string, string) {
		return "ann", fmt.Sprintf("192.0.2.%d", i)
	}))
	require.ErrorIs(t, b.CountAttempt(b.ctx, "ann", "192.0.2.200"), access.ErrAttempts)
	require.NoError(t, b.CountAttempt(b.ctx, "bob", "192.0.2.200"))
	// From an address, for any account; an IPv6 network counts as one.
	require.Equal(t, access.MaxAddressAttempts, b.attempts(t, access.MaxAddressAttempts+5, func(i int) (string, string) {
		return fmt.Sprintf("user-%d", i), fmt.Sprintf("2001:db8::%x", i)
	}))
	require.ErrorIs(t, b.CountAttempt(b.ctx, "carl", "2001:db8::ffff:1"), access.ErrAttempts)
	require.NoError(t, b.CountAttempt(b.ctx, "carl", "2001:db8:0:1::1"))
	// A window ends.
	b.exec(t, "UPDATE login_attempts SET ends_at = now() - interval '1 second'")
	require.NoError(t, b.CountAttempt(b.ctx, "ann", "192.0.2.200"))
	var rows int
	require.NoError(t, b.sql.QueryRow(b.ctx, "SELECT count(*) FROM login_attempts").Scan(&rows))
	require.Equal(t, 2, rows, "windows that have ended are removed")
}

func TestSuccessfulLoginsDoNotCount(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range access.MaxAddressAttempts + 5 {
		require.NoError(t, b.CountAttempt(b.ctx, "ann", "192.0.2.1"))
		require.NoError(t, b.ForgetAttempts(b.ctx, "ann", "192.0.2.1"))
	}
}
