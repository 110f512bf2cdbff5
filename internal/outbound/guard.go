// Package outbound has what every part of Sluice needs that posts to addresses which users
// have given: where they may lead, how what is posted is signed, and how long the other side
// wants to be left alone.
package outbound

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"github.com/sluicehq/sluice/config"
)

// Guard keeps webhooks from being led into the network that Sluice runs in: whoever may
// add a connection may not therefore talk to what listens there.
type Guard struct {
	// Addresses says where they may lead, as notify.webhook_addresses does. Anything but
	// config.WebhooksAny is config.WebhooksPublic.
	Addresses string
}

var (
	errScheme  = errors.New("the webhook is not https: notify.webhook_addresses is public")
	errPrivate = errors.New("the webhook leads to an address that is not public: notify.webhook_addresses is public")
)

// Check refuses http, unless that is allowed. Addresses are looked at when they are
// dialled.
func (g Guard) Check(u *url.URL) error {
	if g.Addresses != config.WebhooksAny && u.Scheme != "https" {
		return errScheme
	}
	return nil
}

// DialTimeout bounds how long a connection may take to be made.
const DialTimeout = 10 * time.Second

// Dialer looks at the address that a name was resolved to: a name may lead elsewhere
// from one question to the next.
func (g Guard) Dialer() *net.Dialer {
	return &net.Dialer{
		Timeout: DialTimeout, KeepAlive: 30 * time.Second,
		Control: func(_, address string, _ syscall.RawConn) error {
			if g.Addresses == config.WebhooksAny {
				return nil
			}
			to, err := netip.ParseAddrPort(address)
			if err != nil || !public(to.Addr()) {
				return errPrivate
			}
			return nil
		},
	}
}

// public says whether an address is one of the open Internet.
func public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, block := range special {
		if block.Contains(a) {
			return false
		}
	}
	return true
}

// special are blocks that look public and are not (the IANA registries of special
// purpose addresses): shared and test networks, and those that wrap an IPv4 address,
// which may be a private one.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("3fff::/20"),
}
