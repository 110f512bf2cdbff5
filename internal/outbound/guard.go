// Package outbound connects to systems that users name: it has the dialer with its rules, the
// signatures of webhooks, and the handling of responses.
package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// Guard restricts the addresses that the connections of one kind may dial. A person who can add a
// connection must not thereby reach services in Sluice's network. The zero value allows no address.
type Guard struct {
	kind                 string
	addresses, cleartext Rule
}

// NewGuard returns the guard of a kind of connections. It allows addresses; secrets without TLS are
// allowed to loopback and to those of the addresses that are in cleartext.
func NewGuard(kind string, addresses, cleartext Rule) Guard {
	return Guard{kind: kind, addresses: addresses, cleartext: cleartext}
}

// Loopback returns a guard that allows only loopback, for tests.
func Loopback() Guard {
	return Guard{kind: "test", addresses: Rule{prefixes: terms[TermLoopback]}}
}

// Exposure classifies a request by the secrets that an eavesdropper would learn from it.
type Exposure bool

const (
	// Protected means that the connection is encrypted before a secret is sent, or that no secret
	// is sent.
	Protected Exposure = false
	// Exposed means that a secret is sent in clear.
	Exposed Exposure = true
)

// DialTimeout bounds a dial.
const DialTimeout = 10 * time.Second

// RefusedError means that the guard does not allow an address. No retry succeeds before an operator changes the
// settings: see IsRefused.
type RefusedError struct{ text string }

// Error names the address and the setting that would allow it.
func (e *RefusedError) Error() string { return e.text }

// IsRefused reports whether a guard has refused the address of a call. Readers and writers of syncs, destinations and
// importers do not retry such an error: its text names the setting.
func IsRefused(err error) bool {
	var refused *RefusedError
	return errors.As(err, &refused)
}

// Dialer checks each resolved address at the time of the dial, because a name may resolve
// differently each time. It dials TCP only, no Unix sockets, and uses no proxy.
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
		return &RefusedError{fmt.Sprintf("connections of kind %s use TCP, not the network %q",
			g.kind, network)}
	}
	switch a := to.Addr(); {
	case !g.addresses.Has(a):
		return &RefusedError{fmt.Sprintf("the address %s is not allowed for connections of kind %s: allow it with the "+
			"setting connections.addresses, such as %s", a, g.kind, g.example(a))}
	case e == Exposed && !a.Unmap().IsLoopback() && !g.cleartext.Has(a):
		return &RefusedError{fmt.Sprintf("a secret would be sent in clear to %s: use TLS, or allow it with the setting "+
			"connections.cleartext", a)}
	default:
		return nil
	}
}

// example returns a value of connections.addresses that allows an address in addition. The rule itself is the
// operator's: only its named terms are in the text.
func (g Guard) example(a netip.Addr) string {
	switch {
	case g.addresses.any:
		return g.kind + "=" + TermAny + "+" + a.String()
	case g.addresses.public:
		return g.kind + "=" + TermPublic + "+" + a.String()
	default:
		return g.kind + "=" + a.String()
	}
}
