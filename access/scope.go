package access

import (
	"slices"
	"strings"
)

// Scope is the set of sites that a principal may see. The zero value has no site.
type Scope struct {
	all   bool
	sites []string // sorted, without duplicates
}

// AllSites returns the scope of all sites, also of those created later, and of everything that belongs to no site.
func AllSites() Scope { return Scope{all: true} }

// Sites returns the scope of the sites with these domains.
func Sites(domains ...string) Scope {
	sites := slices.Clone(domains)
	slices.Sort(sites)
	return Scope{sites: slices.Compact(sites)}
}

// All tells whether the scope has all sites. Connections, destinations, flows, tokens, accounts and the audit belong to
// no site and need it; so do events and jobs that come from no import.
func (s Scope) All() bool { return s.all }

// Has tells whether the scope has the site. It does not tell whether the site exists. The empty domain stands for what
// belongs to no site, which only AllSites has.
func (s Scope) Has(site string) bool {
	if s.all {
		return true
	}
	_, found := slices.BinarySearch(s.sites, site)
	return found && site != ""
}

// Domains returns the sites' domains in order, as the argument of a query: nil for all sites, and a slice that is not
// nil, though perhaps empty, otherwise.
func (s Scope) Domains() []string {
	if s.all {
		return nil
	}
	return append([]string{}, s.sites...)
}

// Covers tells whether the scope has every site of the other.
func (s Scope) Covers(other Scope) bool {
	if s.all || other.all {
		return s.all
	}
	return !slices.ContainsFunc(other.sites, func(site string) bool { return !s.Has(site) })
}

// String returns "all sites", "no site" or the domains separated by ", ".
func (s Scope) String() string {
	switch {
	case s.all:
		return "all sites"
	case len(s.sites) == 0:
		return "no site"
	default:
		return strings.Join(s.sites, ", ")
	}
}
