package access_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store/access"
)

func TestPasswords(t *testing.T) {
	t.Parallel()
	p := access.NewPasswords()
	const password = "correct horse battery"
	first, err := p.Hash(t.Context(), password)
	require.NoError(t, err)
	require.Regexp(t, `^\$argon2id\$v=19\$m=65536,t=3,p=4\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`, first)
	second, err := p.Hash(t.Context(), password)
	require.NoError(t, err)
	require.NotEqual(t, first, second, "each hash has a salt of its own")
	for _, c := range []struct {
		password, hash  string
		right, outdated bool
	}{
		{password, first, true, false},
		{password + " ", first, false, false},
		{"", first, false, false},
		{password, "", false, false},
		// Made by the reference implementation: argon2 somesalt -id -t 2 -m 16 -p 1, password "password".
		{"password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", true, true},
	} {
		right, outdated, err := p.Verify(t.Context(), c.password, c.hash)
		require.NoError(t, err)
		require.Equal(t, c.right, right, c.password)
		require.Equal(t, c.outdated, outdated, c.password)
	}
	for _, broken := range []string{
		"x", strings.Replace(first, "argon2id", "argon2i", 1), strings.Replace(first, "v=19", "v=16", 1),
		strings.Replace(first, "m=65536", "m=99999999", 1), strings.Replace(first, "t=3", "t=0", 1), first + "$", first[:20],
	} {
		_, _, err := p.Verify(t.Context(), password, broken)
		require.ErrorContains(t, err, "the hash of a password is invalid")
		require.NotContains(t, err.Error(), first[30:])
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = p.Hash(ended, password)
	require.ErrorIs(t, err, context.Canceled)
}

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	require.NoError(t, access.CheckPassword(strings.Repeat("ü", access.MinPassword)))
	require.NoError(t, access.CheckPassword(strings.Repeat("x", access.MaxPassword)))
	for _, wrong := range []string{
		"", strings.Repeat("ü", access.MinPassword-1), strings.Repeat("x", access.MaxPassword+1), "\xff0123456789012",
	} {
		require.ErrorIs(t, access.CheckPassword(wrong), access.ErrInvalid)
	}
}
