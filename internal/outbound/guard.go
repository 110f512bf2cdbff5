// Package outbound has what every part of Sluice needs that connects to systems which users
// name: the dialer and its rules, the signatures of webhooks, and the reading of answers.
package outbound

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// Guard decides which addresses the connections of one kind may dial. A person who may add a
// connection must not thereby reach what listens in the network that Sluice runs in. The zero
// value dials nothing.
type Guard struct {
	kind                 string
	addresses, cleartext Rule
}

// NewGuard returns the guard of a kind of connections. It may dial addresses; it may send
// secrets without TLS to loopback and to those of them that are in cleartext.
func NewGuard(kind string, addresses, cleartext Rule) Guard {
	return Guard{kind: kind, addresses: addresses, cleartext: cleartext}
}

// Loopback returns a guard that dials this machine alone, for tests.
func Loopback() Guard {
	return Guard{kind: "test", addresses: Rule{prefixes: terms[TermLoopback]}}
}

// Exposure classifies a request by the secrets that an eavesdropper would learn from it.
type Exposure bool

const (
	// Protected says that the connection is encrypted before a secret is sent, or no secret is sent.
	Protected Exposure = false
	// Exposed says that a secret is sent in clear.
	Exposed Exposure = true
)

// DialTimeout bounds how long a connection may take to be made.
const DialTimeout = 10 * time.Second

// RefusedError means that an address may not be dialled.
type RefusedError struct{ text string }

// Error names the address and the setting that would allow it.
func (e *RefusedError) Error() string { return e.text }

// Dialer checks each address when it is dialled, after its name was resolved: a name may lead
// elsewhere from one question to the next. Nothing but TCP is dialled, no sockets of this
// machine. Proxies are not used.
func (g Guard) Dialer(e Exposure) *net.Dialer {
	return &net.Dialer{
		Timeout: DialTimeout, KeepAlive: 30 * time.Second,
		ControlContext: func(_ context.Context, network, address string, _ syscall.RawConn) error {
			return g.check(e, network, address)
		},
	}
}

func (g Guard) check(e Exposure, network, address string) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp4" && network != "tcp6" {
		return &RefusedError{fmt.Sprintf("a connection of kind %s dials hosts by TCP, not a socket of network %q",
			g.kind, network)}
	}
	switch a := to.Addr(); {
	case !g.addresses.Has(a):
		return &RefusedError{fmt.Sprintf("the address %s is not allowed for connections of kind %s: the setting "+
			"connections.addresses says which are", a, g.kind)}
	case e == Exposed && !a.Unmap().IsLoopback() && !g.cleartext.Has(a):
		return &RefusedError{fmt.Sprintf("a secret would be sent in clear to %s: use TLS, or allow it with the setting "+
			"connections.cleartext", a)}
	default:
		return nil
	}
}
