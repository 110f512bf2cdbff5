package request

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the addresses of the reverse proxies in front of Sluice. Only they are
// believed about the visitor's address.
type Proxies []netip.Prefix

// Trust reports whether an address is a proxy's.
func (p Proxies) Trust(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	return slices.ContainsFunc(p, func(prefix netip.Prefix) bool { return prefix.Contains(ip) })
}

// Headers that say who the visitor is, in their priority. Upstream's.
const (
	HeaderIP           = "X-Plausible-Ip"
	HeaderIPType       = "X-Plausible-Ip-Type"
	headerCloudflare   = "Cf-Connecting-Ip"
	headerBForwarded   = "B-Forwarded-For"
	headerXForwarded   = "X-Forwarded-For"
	headerForwarded    = "Forwarded"
	maxForwardedHeader = 4096
)

// Remote returns the visitor's address and its type. peer is the address of the
// connection's other end: unless it is a trusted proxy, it is the visitor and no header
// is read. The address is the zero address if peer is no IP address.
func Remote(h http.Header, peer string, trusted Proxies) (ip netip.Addr, ipType string) {
	ip, known := parseIP(peer)
	if !known || !trusted.Trust(ip) {
		return ip, ""
	}
	ipType = h.Get(HeaderIPType)
	for _, name := range []string{HeaderIP, headerCloudflare} {
		if given, ok := parseIP(h.Get(name)); ok {
			return given, ipType
		}
	}
	for _, name := range []string{headerBForwarded, headerXForwarded} {
		if given, ok := trusted.client(hops(h, name)); ok {
			return given, ipType
		}
	}
	var forwarded []string
	for _, hop := range hops(h, headerForwarded) {
		for pair := range strings.SplitSeq(hop, ";") {
			if name, value, ok := strings.Cut(pair, "="); ok && strings.EqualFold(strings.TrimSpace(name), "for") {
				forwarded = append(forwarded, value)
			}
		}
	}
	if given, ok := trusted.client(forwarded); ok {
		return given, ipType
	}
	return ip, ipType
}

// Client returns the address of a client for limits and the audit, which must not be forged: that of the other end of
// the connection, or the last address of X-Forwarded-For that is not a trusted proxy's. Other headers than Remote's may
// come from the client itself. The address is the zero address if peer is no IP address.
func Client(h http.Header, peer string, trusted Proxies) netip.Addr {
	ip, known := parseIP(peer)
	if !known || !trusted.Trust(ip) {
		return ip
	}
	if given, ok := trusted.client(hops(h, headerXForwarded)); ok {
		return given
	}
	return ip
}

// Secure tells whether a trusted proxy says that the client has sent the request with TLS: X-Forwarded-Proto is https.
func Secure(h http.Header, peer string, trusted Proxies) bool {
	ip, known := parseIP(peer)
	return known && trusted.Trust(ip) && strings.EqualFold(h.Get("X-Forwarded-Proto"), "https")
}

// hops returns the elements of a header that each proxy has added one to.
func hops(h http.Header, name string) []string {
	joined := strings.Join(h.Values(name), ",")
	if joined == "" || len(joined) > maxForwardedHeader {
		return nil
	}
	return strings.Split(joined, ",")
}

// client returns the last hop that is not a trusted proxy: what is before it was written
// by the visitor and could be anything. If all hops are trusted it is the first.
func (p Proxies) client(hops []string) (netip.Addr, bool) {
	var client netip.Addr
	found := false
	for _, hop := range slices.Backward(hops) {
		ip, ok := parseIP(hop)
		if !ok {
			break
		}
		client, found = ip, true
		if !p.Trust(ip) {
			break
		}
	}
	return client, found
}

// parseIP reads an address as proxies write it: quoted, in brackets, with a port.
func parseIP(text string) (netip.Addr, bool) {
	if text == "" {
		return netip.Addr{}, false
	}
	text = strings.Trim(strings.TrimSpace(text), `"`)
	if inner, ok := strings.CutPrefix(text, "["); ok {
		text, _, _ = strings.Cut(inner, "]")
	} else if strings.Count(text, ":") == 1 {
		text, _, _ = strings.Cut(text, ":")
	}
	ip, err := netip.ParseAddr(text)
	return ip.Unmap().WithZone(""), err == nil
}
