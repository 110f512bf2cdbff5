package ports

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFree(t *testing.T) {
	t.Parallel()
	var free []int
	// As many as this, picked at random alone, would hold some twice.
	for range 50 {
		more, err := Free("127.0.0.1", 20)
		require.NoError(t, err)
		require.Len(t, more, 20)
		free = append(free, more...)
	}
	seen := make(map[int]bool)
	for _, port := range free {
		require.False(t, seen[port], "port %d twice", port)
		seen[port] = true
		require.GreaterOrEqual(t, port, rangeBegin)
		require.Less(t, port, rangeEnd)
		require.NoError(t, Check(net.JoinHostPort("127.0.0.1", strconv.Itoa(port))))
	}

	_, err := Free("203.0.113.1", 1) // an address of documentation, never ours
	require.ErrorContains(t, err, "find 1 free ports on 203.0.113.1")
}

func TestHolder(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address, ok := l.Addr().(*net.TCPAddr)
	require.True(t, ok)
	port := address.Port
	require.ErrorContains(t, Check(l.Addr().String()), "listen on "+l.Addr().String())
	if runtime.GOOS == "linux" {
		require.Contains(t, Holder(port), "process "+strconv.Itoa(os.Getpid()))
		require.Contains(t, Holder(port), filepath.Base(os.Args[0]))
	} else {
		require.Empty(t, Holder(port))
	}
	require.NoError(t, l.Close())
	require.Empty(t, Holder(port))
	require.NoError(t, Check(l.Addr().String()))
}
