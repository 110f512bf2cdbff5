package ingest

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/ingest/wildcard"
	"github.com/sluicehq/sluice/internal/faults"
)

// Limits of a site's shields. Upstream's.
const (
	MaxIPRules       = 30
	MaxCountryRules  = 30
	MaxPageRules     = 30
	MaxHostnameRules = 10
	// MaxPattern is the length of a page's or a hostname's pattern in bytes.
	MaxPattern = 250
)

// NoCountry is the country rule for events whose country is not known.
const NoCountry = "ZZ"

// Site is what the pipeline knows about a site.
type Site struct {
	// ID is the site's number in all tables, never 0.
	ID uint64
	// Domain is the current domain.
	Domain string
	// Location is the time zone of the site's days. Defaults to UTC.
	Location *time.Location
	// NativeStart is the first day that native data serve, or nil before the first event. Imported data serve the
	// days before it.
	NativeStart *calendar.Day
	// AcceptTrafficUntil is the last day, at midnight UTC, whose events are taken. The
	// zero time means that there is none.
	AcceptTrafficUntil time.Time
	// RateLimit bounds the events, or is nil.
	RateLimit *RateLimit
	// RevenueGoals are the reporting currencies of events that have revenue, by name.
	RevenueGoals map[string]string
	// Props are the custom properties that are stored, beside InternalProps; empty means all.
	Props []string
	// Shields drop events.
	Shields Shields
	// AllowIPs are networks that are neither bots nor data centres, beside those of the
	// pipeline's configuration.
	AllowIPs []netip.Prefix
}

// Day returns the site's local day of a time.
func (s *Site) Day(t time.Time) calendar.Day {
	if s.Location == nil {
		return calendar.DayOf(t.UTC())
	}
	return calendar.DayOf(t.In(s.Location))
}

// RateLimit bounds the events of a site.
type RateLimit struct {
	// Events is the number of events in a window. 0 blocks the site.
	Events int
	// Window defaults to DefaultWindow.
	Window time.Duration
}

// DefaultWindow is the window of a rate limit.
const DefaultWindow = time.Minute

// Shields are rules of a site's owner.
type Shields struct {
	// IPs are blocked networks; a single address is a /32 or a /128.
	IPs []netip.Prefix
	// Countries are blocked ISO 3166-1 codes, or NoCountry.
	Countries []string
	// Pages are patterns of blocked paths. "*" and "**" stand for any text.
	Pages []string
	// Hostnames are patterns of allowed hosts; without one all are allowed.
	Hostnames []string
}

// Validate returns every fault of the site.
func (s Site) Validate() error {
	var f faults.Faults
	f.Check(s.ID != 0 && s.Domain != "", "site %d with domain %q: want a number and a domain", s.ID, s.Domain)
	if limit := s.RateLimit; limit != nil {
		f.Check(limit.Events >= 0 && limit.Window >= 0, "rate limit is %d in %s: want no negative number",
			limit.Events, limit.Window)
	}
	for name, code := range s.RevenueGoals {
		f.Check(isCurrency(code), "revenue goal %q: currency is %q, want an ISO 4217 code such as EUR", name, code)
	}
	f.Add(s.Shields.Validate())
	return f.Err()
}

// Validate returns every fault of the rules.
func (s Shields) Validate() error {
	var f faults.Faults
	for name, rules := range map[string][2]int{
		"IP": {len(s.IPs), MaxIPRules}, "country": {len(s.Countries), MaxCountryRules},
		"page": {len(s.Pages), MaxPageRules}, "hostname": {len(s.Hostnames), MaxHostnameRules},
	} {
		f.Check(rules[0] <= rules[1], "shields have %d %s rules, want at most %d", rules[0], name, rules[1])
	}
	for _, prefix := range s.IPs {
		f.Check(prefix.IsValid(), "shields have an invalid network (want 192.0.2.0/24)")
	}
	for _, code := range s.Countries {
		f.Check(len(code) == 2 && strings.ToUpper(code) == code,
			"country rule is %q, want an ISO 3166-1 code such as DE, or %s", code, NoCountry)
	}
	for _, pattern := range s.Pages {
		f.Check(strings.HasPrefix(pattern, "/") && len(pattern) <= MaxPattern,
			"page rule is %.60q, want a path of at most %d bytes that starts with /", pattern, MaxPattern)
	}
	for _, pattern := range s.Hostnames {
		f.Check(pattern != "" && len(pattern) <= MaxPattern, "hostname rule is %.60q, want a host of at most %d bytes",
			pattern, MaxPattern)
	}
	return f.Err()
}

func (s Shields) blocksIP(ip netip.Addr) bool { return contains(s.IPs, ip) }

func (s Shields) blocksPage(pathname string) bool {
	return slices.ContainsFunc(s.Pages, func(pattern string) bool { return wildcard.Match(pattern, pathname) })
}

func (s Shields) allowsHostname(hostname string) bool {
	return len(s.Hostnames) == 0 || slices.ContainsFunc(s.Hostnames, func(pattern string) bool {
		return wildcard.Match(strings.ToLower(pattern), hostname)
	})
}

func (s Shields) blocksCountry(code string) bool {
	code = cmp.Or(code, NoCountry)
	return slices.Contains(s.Countries, code)
}

func contains(prefixes []netip.Prefix, ip netip.Addr) bool {
	return ip.IsValid() && slices.ContainsFunc(prefixes, func(prefix netip.Prefix) bool { return prefix.Contains(ip) })
}
