// Package sources names traffic sources: a referrer's host, an app or the tag of a link
// becomes the name and the category of the source. Live events and imports share it, so
// that native and imported data have the same names.
package sources

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/net/publicsuffix"
)

// Category is the kind of a source, from which the acquisition channel is derived.
type Category string

// The categories of sources.
const (
	CategorySearch   Category = "search"
	CategorySocial   Category = "social"
	CategoryVideo    Category = "video"
	CategoryShopping Category = "shopping"
	CategoryEmail    Category = "email"
	CategoryAI       Category = "ai"
	// CategoryOther is a known source without a channel of its own.
	CategoryOther Category = "other"
)

// Source is a known source of traffic.
type Source struct {
	// Name is the name as shown, "X (Twitter)".
	Name string
	// Category is the kind of the source.
	Category Category
	// Hosts are hosts, each with its subdomains. "google.*" is google below any country's
	// suffix. Apps are named by their package, "com.google.android.gm".
	Hosts []string
	// Aliases are words that links are tagged with. Case, blanks, hyphens and underscores
	// are ignored.
	Aliases []string
	// Ads are aliases that say that the visit was paid for, "fb-ads".
	Ads []string
}

// Resolver finds sources. It is immutable and safe for concurrent use.
type Resolver struct {
	aliases map[string]*Source
	hosts   map[string]*Source
	brands  map[string]*Source
	ads     map[string]bool
	next    *Resolver
}

// table is the project's own list of sources.
//
//go:embed sources.tsv
var table string

// Builtin returns the resolver of the sources that Sluice knows by itself.
var Builtin = sync.OnceValue(func() *Resolver {
	list, err := parseTable(table)
	if err != nil {
		panic("sources: read sources.tsv: " + err.Error())
	}
	return New(list)
})

// New returns a resolver of a list of sources. The first of two sources with the same host
// or alias has it.
func New(list []Source) *Resolver {
	r := &Resolver{
		aliases: map[string]*Source{}, hosts: map[string]*Source{}, brands: map[string]*Source{},
		ads: map[string]bool{},
	}
	for i := range list {
		s := &list[i]
		for _, host := range s.Hosts {
			host = strings.ToLower(host)
			if brand, ok := strings.CutSuffix(host, ".*"); ok {
				claim(r.brands, brand, s)
			} else {
				claim(r.hosts, strings.TrimPrefix(host, "www."), s)
			}
		}
		claim(r.aliases, squeeze(s.Name), s)
		for _, alias := range s.Aliases {
			claim(r.aliases, squeeze(alias), s)
		}
		for _, alias := range s.Ads {
			claim(r.aliases, squeeze(alias), s)
			r.ads[squeeze(alias)] = true
		}
	}
	return r
}

// Extend returns a resolver that looks up in more what r does not know.
func (r *Resolver) Extend(more *Resolver) *Resolver {
	if r == nil {
		return more
	}
	extended := *r
	extended.next = r.next.Extend(more)
	return &extended
}

func claim(taken map[string]*Source, key string, s *Source) {
	if _, ok := taken[key]; !ok && key != "" {
		taken[key] = s
	}
}

// Lookup finds the source of a host, an app's package, a tag or a name.
func (r *Resolver) Lookup(text string) (Source, bool) {
	key := strings.TrimSuffix(strings.TrimPrefix(strings.ToLower(strings.TrimSpace(text)), "www."), "/")
	for ; r != nil; r = r.next {
		if s := r.find(key); s != nil {
			return *s, true
		}
	}
	return Source{}, false
}

func (r *Resolver) find(key string) *Source {
	if s, ok := r.aliases[squeeze(key)]; ok {
		return s
	}
	// The longest known end of the host, so that mail.google.com is not google.com.
	for host := key; strings.Contains(host, "."); _, host, _ = strings.Cut(host, ".") {
		if s, ok := r.hosts[host]; ok {
			return s
		}
	}
	if len(r.brands) == 0 {
		return nil
	}
	// Below a country's suffix, not below that of a provider such as github.io.
	suffix, official := publicsuffix.PublicSuffix(key)
	if !official || suffix == key {
		return nil
	}
	owner := strings.TrimSuffix(key, "."+suffix)
	return r.brands[owner[strings.LastIndexByte(owner, '.')+1:]]
}

// Name returns the name of a known source. An unknown one keeps its name without "www."
// and without a final slash.
func (r *Resolver) Name(text string) string {
	if s, ok := r.Lookup(text); ok {
		return s.Name
	}
	return strings.TrimPrefix(strings.TrimSuffix(text, "/"), "www.")
}

// Paid reports whether a tag says that the visit was paid for.
func (r *Resolver) Paid(tag string) bool {
	key := squeeze(strings.ToLower(tag))
	for ; r != nil; r = r.next {
		if r.ads[key] {
			return true
		}
	}
	return false
}

// squeezer removes what writers of tags vary.
var squeezer = strings.NewReplacer("-", "", "_", "", " ", "")

func squeeze(text string) string {
	return squeezer.Replace(strings.ToLower(text))
}

// parseTable reads sources.tsv.
func parseTable(text string) ([]Source, error) {
	var list []Source
	for i, line := range strings.Split(text, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		columns := strings.Split(line, "\t")
		if len(columns) != 5 {
			return nil, fmt.Errorf("line %d has %d columns, want 5", i+1, len(columns))
		}
		s := Source{
			Name: columns[0], Category: Category(columns[1]), Hosts: strings.Fields(columns[2]),
			Aliases: words(columns[3]), Ads: words(columns[4]),
		}
		switch s.Category {
		case CategorySearch, CategorySocial, CategoryVideo, CategoryShopping, CategoryEmail, CategoryAI, CategoryOther:
		default:
			return nil, fmt.Errorf("line %d: unknown category %q", i+1, s.Category)
		}
		list = append(list, s)
	}
	return list, nil
}

func words(column string) []string {
	if column == "" {
		return nil
	}
	return strings.Split(column, ",")
}
