package outbound

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"code.dny.dev/ssrf"
)

// Rule is a set of allowed addresses. The zero value is empty.
type Rule struct {
	public, any bool
	prefixes    []netip.Prefix
}

// The named terms of a rule, in addition to networks and addresses.
const (
	// TermPublic is the Internet without special-purpose addresses of IANA's registries and without
	// cloud-internal services.
	TermPublic = "public"
	// TermPrivate is the private networks of RFC 1918 and RFC 4193.
	TermPrivate = "private"
	// TermLoopback is the local machine.
	TermLoopback = "loopback"
	// TermAny is every unicast address except link-local ones and the metadata services of clouds.
	TermAny = "any"
)

// terms maps named terms to networks.
var terms = map[string][]netip.Prefix{
	TermPrivate:  prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
	TermLoopback: prefixes("127.0.0.0/8", "::1/128"),
}

// metadata are services of clouds that return credentials or configuration. A rule contains them
// only if it names their network.
var metadata = prefixes(
	"169.254.0.0/16", "fe80::/10", // link-local: most of them
	"168.63.129.16/32",   // Azure
	"100.100.100.200/32", // Alibaba Cloud
	"192.0.0.192/32",     // Oracle Cloud
	"fd00:ec2::/32",      // AWS, and its DNS and time
	"fd20:ce::254/128",   // Google Cloud
	"fd00:42::42/128",    // Scaleway
)

// internet checks addresses against IANA's registries, and rejects IPv6 addresses outside 2000::/3.
var internet = ssrf.New(ssrf.WithAnyPort(), ssrf.WithAnyNetwork(), ssrf.WithDeniedV4Prefixes(slices.DeleteFunc(
	slices.Clone(metadata), func(p netip.Prefix) bool { return !p.Addr().Is4() })...))

// MaxRule is the length limit of a rule, in bytes.
const MaxRule = 4 << 10

var errTerm = errors.New(
	"want public, private, loopback, any, a network such as 10.0.0.0/8, or several with + between them")

// ParseRule parses a rule: terms joined by "+". A term is one of the constants, an address, or a
// network with its prefix length.
func ParseRule(text string) (Rule, error) {
	var r Rule
	if len(text) > MaxRule {
		return Rule{}, fmt.Errorf("the rule has %d bytes: want at most %d", len(text), MaxRule)
	}
	for term := range strings.SplitSeq(text, "+") {
		term = strings.TrimSpace(term)
		network, known := terms[term]
		switch {
		case term == TermPublic:
			r.public = true
		case term == TermAny:
			r.any = true
		case known:
			r.prefixes = append(r.prefixes, network...)
		default:
			prefix, err := parseNetwork(term)
			if err != nil {
				return Rule{}, fmt.Errorf("%q is not a set of addresses: %w", term, errTerm)
			}
			r.prefixes = append(r.prefixes, prefix)
		}
	}
	return r, nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	// "10.1.2.3/8" is more likely a mistake than a network, and "::ffff:10.0.0.0/104" would
	// never match: IPv4 addresses are compared as such.
	if p.Masked() != p || p.Addr().Is4In6() {
		return netip.Prefix{}, errTerm
	}
	return p, nil
}

// Has reports whether the rule contains an address. An IPv6 address that embeds an IPv4
// address is contained only if both are, because a translator makes either reachable.
func (r Rule) Has(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !r.has(a) {
		return false
	}
	inner, wrapped := unwrap(a)
	return !wrapped || r.has(inner)
}

func (r Rule) has(a netip.Addr) bool {
	within := func(p netip.Prefix) bool { return p.Contains(a) }
	switch {
	case !a.IsValid():
		return false
	case slices.ContainsFunc(r.prefixes, within):
		return true
	case slices.ContainsFunc(metadata, within):
		return false
	case r.any && !a.IsUnspecified() && !a.IsMulticast() && a != broadcast:
		return true
	default:
		return r.public && internet.SafeAddr(a) == nil
	}
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}
