// Package ports finds free TCP ports and says who holds the taken ones.
package ports

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// The range free ports are taken from. It lies below the range from which
// systems take the local ports of outgoing connections (32768 and up on Linux,
// 49152 and up elsewhere), so that no connection grabs a port between our
// looking and an engine's listening; and above most services' fixed ports.
const (
	rangeBegin = 20000
	rangeEnd   = 32000
)

// given are the ports that this process has returned. Their servers may not listen yet, and a
// process that starts many servers would otherwise sometimes give the same port to two of them.
var given = struct {
	sync.Mutex
	ports map[int]bool
}{ports: make(map[int]bool)}

// claim marks a port as handed out, unless it is already.
func claim(port int) bool {
	given.Lock()
	defer given.Unlock()
	if given.ports[port] {
		return false
	}
	given.ports[port] = true
	return true
}

// Free returns n different ports that nothing listens on at host right now, and that
// it has not returned before. They are picked at random, so that several processes
// rarely pick the same; the one that loses such a race must try again with new ports.
func Free(host string, n int) ([]int, error) {
	found := make([]int, 0, n)
	for range 100 * n {
		if len(found) == n {
			return found, nil
		}
		port := rangeBegin + rand.IntN(rangeEnd-rangeBegin) //nolint:gosec // Not a secret.
		if Check(net.JoinHostPort(host, strconv.Itoa(port))) != nil || !claim(port) {
			continue
		}
		found = append(found, port)
	}
	if len(found) == n {
		return found, nil
	}
	return nil, fmt.Errorf("find %d free ports on %s between %d and %d: found %d",
		n, host, rangeBegin, rangeEnd, len(found))
}

// Check returns nil if one can listen on address, host:port, and otherwise why
// not.
func Check(address string) error {
	l, err := net.Listen("tcp", address) //nolint:noctx // Listening on an IP address does not block.
	if err != nil {
		return fmt.Errorf("listen on %s: %w", address, err)
	}
	return l.Close()
}
