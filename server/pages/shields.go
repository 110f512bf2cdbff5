package pages

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/server/api"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
)

// shields adds the page of the shields of a site.
func (p *Pages) shields() {
	p.page("GET /sites/{site}/shields", "shields", p.shieldsPage)
	p.action("POST /sites/{site}/shields/add", "shields", p.shieldsPage, func(v *visit) (string, error) {
		return changeShields(v, func(c *api.ShieldsChange) *api.ShieldRules { return &c.Add })
	})
	p.action("POST /sites/{site}/shields/remove", "shields", p.shieldsPage, func(v *visit) (string, error) {
		return changeShields(v, func(c *api.ShieldsChange) *api.ShieldRules { return &c.Remove })
	})
}

// shieldsPath is the path of the shields of the site of a request, here and at the API.
func shieldsPath(v *visit) string { return siteOf(v) + "/shields" }

// shieldsShown is the page of the shields of a site.
type shieldsShown struct {
	Site  string
	Kinds []shieldKind
	// Away means that the warehouse does not answer: the numbers of dropped events are not known.
	Away bool
}

// shieldKind is a kind of rules.
type shieldKind struct {
	// Name is that of the field of api.ShieldRules.
	Name, Title, Text, Example string
	// Nouns are the rules in a sentence.
	Nouns string
	Rules []string
	// Reason is that of the events that it drops, and Dropped their number in the last 24 hours.
	Reason  ingest.DropReason
	Dropped uint64
}

// rulesOf returns the field of rules that a kind names, or nil.
func rulesOf(rules *api.ShieldRules, kind string) *[]string {
	switch kind {
	case "ips":
		return &rules.IPs
	case "countries":
		return &rules.Countries
	case "pages":
		return &rules.Pages
	case "hostnames":
		return &rules.Hostnames
	}
	return nil
}

func (p *Pages) shieldsPage(v *visit) (any, error) {
	shields, err := get[ingestclient.Shields](v, shieldsPath(v), nil)
	rules := api.ShieldRules(shields)
	shown := shieldsShown{Site: v.r.PathValue("site"), Kinds: []shieldKind{
		{
			Name: "ips", Title: "Addresses", Text: "Events from these addresses and networks are dropped.",
			Example: "203.0.113.0/24", Nouns: "addresses", Reason: ingest.DropSiteIPBlocklist,
		},
		{
			Name: "countries", Title: "Countries",
			Text: "Events from these countries are dropped. ZZ is for events without one.", Example: "AQ",
			Nouns: "countries", Reason: ingest.DropSiteCountryBlocklist,
		},
		{
			Name: "pages", Title: "Pages", Text: "Events of pages with these paths are dropped.", Example: "/admin/*",
			Nouns: "pages", Reason: ingest.DropSitePageBlocklist,
		},
		{
			Name: "hostnames", Title: "Host names", Text: "If there is one, only events of these hosts are taken.",
			Example: "*.example.com", Nouns: "host names", Reason: ingest.DropSiteHostnameAllowlist,
		},
	}}
	if err != nil {
		return nil, err
	}
	traffic, err := get[ingestclient.Traffic](v, sitePath(shown.Site)+"/traffic", nil)
	if shown.Away = away(err); err != nil && !shown.Away {
		return nil, err
	}
	for i, kind := range shown.Kinds {
		shown.Kinds[i].Rules = *rulesOf(&rules, kind.Name)
		shown.Kinds[i].Dropped = traffic.Dropped24h[string(kind.Reason)]
	}
	return shown, nil
}

// changeShields adds or removes the rules of the form, one in each line. into returns where they belong.
func changeShields(v *visit, into func(c *api.ShieldsChange) *api.ShieldRules) (string, error) {
	var change api.ShieldsChange
	rules := rulesOf(into(&change), v.r.PostForm.Get("kind"))
	if rules == nil {
		return "", invalid("kind", "want ips, countries, pages or hostnames")
	}
	for _, line := range typedLines(v.r.PostForm.Get("rules")) {
		if !slices.Contains(*rules, line) {
			*rules = append(*rules, line)
		}
	}
	if len(*rules) == 0 {
		return "", invalid("rules", "want at least one rule")
	}
	path := shieldsPath(v)
	return path + "#" + url.PathEscape(v.r.PostForm.Get("kind")), v.send(http.MethodPatch, path, change, nil)
}
