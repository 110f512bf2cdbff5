// Package listentest finds addresses for servers of tests.
package listentest

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// FreeAddress returns an address of this machine that nothing listens on.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	require.NoError(tb, listener.Close())
	return listener.Addr().String()
}
