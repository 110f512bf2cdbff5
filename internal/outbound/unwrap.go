package outbound

import "net/netip"

// wrapping lists the forms of IPv6 addresses that embed an IPv4 address, with its byte offset.
var wrapping = []struct {
	prefix netip.Prefix
	at     int
	// inverted means that the bits are inverted.
	inverted bool
}{
	{netip.MustParsePrefix("::ffff:0:0:0/96"), 12, false}, // translated, RFC 2765
	{netip.MustParsePrefix("64:ff9b::/96"), 12, false},    // NAT64, RFC 6052
	{netip.MustParsePrefix("64:ff9b:1::/48"), 12, false},  // NAT64 of a network's own, RFC 8215
	{netip.MustParsePrefix("2002::/16"), 2, false},        // 6to4, RFC 3056
	{netip.MustParsePrefix("2001::/32"), 12, true},        // Teredo, RFC 4380
	{netip.MustParsePrefix("::/96"), 12, false},           // compatible, RFC 4291
}

// unwrap returns the IPv4 address that an IPv6 address embeds, if there is one.
func unwrap(a netip.Addr) (netip.Addr, bool) {
	if !a.Is6() || a.IsLoopback() || a.IsUnspecified() {
		return netip.Addr{}, false
	}
	bytes := a.As16()
	// ISATAP (RFC 5214) marks the lower half of an address, below any prefix.
	isatap := (bytes[8] == 0x00 || bytes[8] == 0x02) && bytes[9] == 0 && bytes[10] == 0x5e && bytes[11] == 0xfe
	for _, form := range wrapping {
		if !form.prefix.Contains(a) {
			continue
		}
		inner := [4]byte(bytes[form.at : form.at+4])
		if form.inverted {
			for i := range inner {
				inner[i] = ^inner[i]
			}
		}
		return netip.AddrFrom4(inner), true
	}
	return netip.AddrFrom4([4]byte(bytes[12:])), isatap
}
