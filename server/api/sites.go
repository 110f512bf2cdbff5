package api

import (
	"context"
	"net/http"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/internal/convert"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// tagSites is the resource of sites in the document.
const tagSites = "sites"

// sites adds the operations of sites, their shields and the ingestion.
func (a *API) sites() {
	register(a, operation{
		id: "list-sites", method: http.MethodGet, path: "/sites", tag: tagSites,
		summary: "List sites by domain", need: access.PermissionRead, reach: reachSome,
	}, a.listSites)
	register(a, operation{
		id: "add-site", method: http.MethodPost, path: "/sites", tag: tagSites, status: http.StatusCreated,
		summary: "Add a site", need: access.PermissionAdminister, reach: reachAll,
		problems: []problemType{problemTaken},
	}, a.addSite)
	register(a, operation{
		id: "show-site", method: http.MethodGet, path: "/sites/{site}", tag: tagSites,
		summary: "Show a site with its settings", need: access.PermissionRead, reach: reachSite,
	}, a.showSite)
	register(a, operation{
		id: "set-site", method: http.MethodPatch, path: "/sites/{site}", tag: tagSites,
		summary: "Change what a site takes of live events", need: access.PermissionAdminister, reach: reachSite,
		description: "What is left out stays as it is. Servers follow within a second.",
		problems:    []problemType{problemConflict, problemTaken, problemLimit, problemPrecondition, problemNeedsMatch},
	}, a.setSite)
	register(a, operation{
		id: "show-site-traffic", method: http.MethodGet, path: "/sites/{site}/traffic", tag: tagSites,
		summary: "Show the numbers of events of a site", need: access.PermissionRead, reach: reachSite,
	}, a.showTraffic)
	register(a, operation{
		id: "show-site-shields", method: http.MethodGet, path: "/sites/{site}/shields", tag: tagSites,
		summary: "Show the rules of a site that drop events", need: access.PermissionRead, reach: reachSite,
	}, a.showShields)
	register(a, operation{
		id: "change-site-shields", method: http.MethodPatch, path: "/sites/{site}/shields", tag: tagSites,
		summary: "Add rules to a site and remove others", need: access.PermissionAdminister, reach: reachSite,
		description: "Rules that the site has stay once; a rule to remove must exist.",
		problems:    []problemType{problemConflict, problemLimit},
	}, a.changeShields)
	register(a, operation{
		id: "show-ingestion", method: http.MethodGet, path: "/ingestion", tag: "ingestion",
		summary: "Show how far the writers of the event log are", need: access.PermissionRead, reach: reachAll,
	}, a.showIngestion)
	register(a, operation{
		id: "show-ingestion-traffic", method: http.MethodGet, path: "/ingestion/traffic", tag: "ingestion",
		summary: "Show the numbers of events of all sites by hour, in the last 24 hours", need: access.PermissionRead,
		reach: reachAll, description: "What the writers have not written yet is missing.",
	}, a.showIngestionTraffic)
}

// SiteText is the filter of sites by a text.
type SiteText struct {
	Text string `query:"text" maxLength:"253" doc:"Only sites with this text in their domain."`
}

type listSitesInput struct {
	Page
	SiteText
}

func (a *API) listSites(ctx context.Context, in *listSitesInput) (*List[ingestclient.ListedSite], error) {
	read := func(scope access.Scope, after string, limit int) ([]ingestclient.ListedSite, error) {
		rows, err := a.siteClient().List(ctx, scope, in.Text, after, limit)
		return convert.Slice(rows, ingestclient.ListedSiteOf), err
	}
	return scopedPage(ctx, in.Page, read, func(s ingestclient.ListedSite) string { return s.Domain })
}

// SiteRequest is the body of add-site.
type SiteRequest struct {
	Domain      string        `json:"domain" minLength:"1" maxLength:"253" doc:"Domain of the site, in lower case." example:"example.com"`
	TimeZone    string        `json:"timezone,omitempty" maxLength:"64" default:"UTC" doc:"IANA name of the time zone of its days."`
	NativeStart *calendar.Day `json:"native_start,omitempty" doc:"First day with native data, before which imports end."`
	Contacts    []string      `json:"contacts,omitempty" maxItems:"20" doc:"E-mail addresses that receive notifications about its imports."`
}

func (a *API) addSite(ctx context.Context, in *input[SiteRequest]) (*created[ingestclient.ListedSite], error) {
	site, err := a.siteClient().Add(ctx, ingestclient.NewSite{
		Domain: in.Body.Domain, TimeZone: in.Body.TimeZone, NativeStart: in.Body.NativeStart, Contacts: in.Body.Contacts,
	})
	if err != nil {
		return nil, err
	}
	return &created[ingestclient.ListedSite]{
		Location: pathOf("/sites/%s", segment(site.Domain)), Body: ingestclient.ListedSiteOf(site),
	}, nil
}

func siteAnswer(site ingeststore.Site, err error) (*tagged[ingestclient.Site], error) {
	if err != nil {
		return nil, err
	}
	view := ingestclient.SiteOf(site)
	tag, err := etagOf(view)
	return answerTagged(view, tag, err)
}

func (a *API) showSite(ctx context.Context, in *SitePath) (*tagged[ingestclient.Site], error) {
	return siteAnswer(a.siteClient().Show(ctx, in.Site))
}

// SiteChange is the body of set-site. What is left out stays as it is.
type SiteChange struct {
	Blocked             *bool             `json:"blocked,omitempty" doc:"Take no events; drop them as block."`
	RateLimit           *string           `json:"rate_limit,omitempty" maxLength:"40" example:"600/60s" doc:"Take at most EVENTS/DURATION, or none for no limit."`
	AcceptUntil         *string           `json:"accept_until,omitempty" maxLength:"10" example:"2026-12-31" doc:"Last day (UTC) whose events are taken, or none for no end."`
	FormerDomains       []string          `json:"former_domains,omitempty" maxItems:"100" doc:"Domains whose events are taken too, to be added."`
	RemoveFormerDomains []string          `json:"remove_former_domains,omitempty" maxItems:"100"`
	Goals               map[string]string `json:"goals,omitempty" maxProperties:"200" doc:"Goals to be added, with the currency of their revenue, or an empty text for none."`
	RemoveGoals         []string          `json:"remove_goals,omitempty" maxItems:"200"`
	Props               []string          `json:"props,omitempty" maxItems:"300" doc:"Replaces the custom properties that are stored."`
	AllProps            bool              `json:"all_props,omitempty" doc:"Store all custom properties."`
	AllowNetworks       []string          `json:"allow_networks,omitempty" maxItems:"100" doc:"Networks to be added to those that are neither bots nor data centres."`
	RemoveAllowNetworks []string          `json:"remove_allow_networks,omitempty" maxItems:"100"`
	TimeZone            string            `json:"timezone,omitempty" maxLength:"64" doc:"IANA time zone of its days; final once it has live events."`
}

// none is the value that removes a setting.
const none = "none"

// change returns the change to package starter/ingesting.
func (c SiteChange) change() (ingestclient.SiteChange, error) {
	change := ingestclient.SiteChange{
		Block: c.Blocked, FormerDomains: c.FormerDomains, RemoveFormerDomains: c.RemoveFormerDomains, Goals: c.Goals,
		RemoveGoals: c.RemoveGoals, Props: c.Props, AllProps: c.AllProps, TimeZone: c.TimeZone,
	}
	if c.RateLimit != nil && *c.RateLimit == none {
		change.NoRateLimit = true
	} else if c.RateLimit != nil {
		limit, err := ingest.ParseRateLimit(*c.RateLimit)
		if err != nil {
			return change, invalidField("#/rate_limit", err.Error())
		}
		change.RateLimit = &limit
	}
	if c.AcceptUntil != nil && *c.AcceptUntil == none {
		change.AcceptForever = true
	} else if c.AcceptUntil != nil {
		day, err := calendar.ParseDay(*c.AcceptUntil)
		if err != nil {
			return change, invalidField("#/accept_until", err.Error())
		}
		change.AcceptUntil = &day
	}
	var err error
	if change.AllowNetworks, err = ingestclient.ParseNetworks(c.AllowNetworks); err != nil {
		return change, invalidField("#/allow_networks", err.Error())
	}
	if change.RemoveAllowNetworks, err = ingestclient.ParseNetworks(c.RemoveAllowNetworks); err != nil {
		return change, invalidField("#/remove_allow_networks", err.Error())
	}
	return change, nil
}

type setSiteInput struct {
	SitePath
	IfMatch
	Body SiteChange
}

func (a *API) setSite(ctx context.Context, in *setSiteInput) (*tagged[ingestclient.Site], error) {
	change, err := in.Body.change()
	if err != nil {
		return nil, err
	}
	return siteAnswer(a.siteClient().Set(ctx, in.Site, change, func(before ingeststore.Site) error {
		return in.matches(etagOf(ingestclient.SiteOf(before)))
	}))
}

func (a *API) showTraffic(ctx context.Context, in *SitePath) (*output[ingestclient.Traffic], error) {
	site, err := a.siteClient().Show(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	return answer(a.siteClient().Traffic(ctx, site))
}

func (a *API) showShields(ctx context.Context, in *SitePath) (*output[ingestclient.Shields], error) {
	site, err := a.siteClient().Show(ctx, in.Site)
	return answer(ingestclient.ShieldsOf(site), err)
}

// ShieldRules are rules to be added or removed.
type ShieldRules struct {
	IPs       []string `json:"ips,omitempty" maxItems:"500" doc:"Addresses or networks."`
	Countries []string `json:"countries,omitempty" maxItems:"300" doc:"ISO 3166-1 codes, ZZ for events without a country."`
	Pages     []string `json:"pages,omitempty" maxItems:"500" doc:"Patterns of paths, such as /admin/*."`
	Hostnames []string `json:"hostnames,omitempty" maxItems:"500" doc:"Patterns of the only hosts whose events are taken."`
}

// ShieldsChange is the body of change-site-shields.
type ShieldsChange struct {
	Add    ShieldRules `json:"add,omitempty"`
	Remove ShieldRules `json:"remove,omitempty"`
}

type changeShieldsInput struct {
	SitePath
	Body ShieldsChange
}

func (a *API) changeShields(ctx context.Context, in *changeShieldsInput) (*output[ingestclient.Shields], error) {
	add, err := ingestclient.ParseShields(ingestclient.Shields(in.Body.Add))
	if err != nil {
		return nil, invalidField("#/add", err.Error())
	}
	remove, err := ingestclient.ParseShields(ingestclient.Shields(in.Body.Remove))
	if err != nil {
		return nil, invalidField("#/remove", err.Error())
	}
	site, err := a.siteClient().ChangeShields(ctx, in.Site, add, remove)
	return answer(ingestclient.ShieldsOf(site), err)
}

func (a *API) showIngestion(ctx context.Context, _ *struct{}) (*output[ingestclient.Writers], error) {
	writers, err := a.siteClient().Writers(ctx)
	if err != nil {
		return nil, err
	}
	if a.cfg.EventLog != nil {
		writers.Log, err = ingestclient.LogPartitions(ctx, a.siteClient().Store, a.cfg.EventLog)
	}
	return answer(writers, err)
}

func (a *API) showIngestionTraffic(ctx context.Context, _ *struct{}) (*output[ingestclient.AllTraffic], error) {
	return answer(a.siteClient().AllTraffic(ctx))
}
