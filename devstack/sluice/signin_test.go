package sluice

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/server"
)

// The stack says how people sign in to its server.
func TestSignInText(t *testing.T) {
	t.Parallel()
	for state, want := range map[server.SignInState]string{
		{Local: true}:                         "everybody on this machine is an administrator, until there is an account",
		{Accounts: true}:                      "with an account: `sluice account list`",
		{Setup: "http://localhost:1/setup#x"}: "create the first administrator within 60 minutes at http://localhost:1/setup#x",
	} {
		require.Equal(t, want, signInText(state))
	}
}
