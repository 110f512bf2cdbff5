package pages

import (
	"log/slog"
	"maps"
	"net/http"
	"slices"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/faults"
)

// Config is what the pages need.
type Config struct {
	// API answers the operations. Required.
	API http.Handler
	// Authenticator finds out who a browser is signed in as. Required.
	Authenticator Authenticator
	// TemporalUI is the address of the Temporal Web UI with its namespace, such as
	// http://127.0.0.1:8233/namespaces/default. Without one there are no links to it.
	TemporalUI string
	// Logger is required.
	Logger *slog.Logger
}

// Authenticator finds out on whose behalf a request is.
type Authenticator interface {
	// Authenticate returns the principal of a request, or an error that wraps access.ErrUnauthenticated.
	Authenticate(r *http.Request) (access.Principal, error)
}

// Validate returns every fault.
func (c Config) Validate() error {
	var f faults.Faults
	f.Check(c.API != nil, "API is missing")
	f.Check(c.Authenticator != nil, "authenticator is missing")
	f.Check(c.Logger != nil, "logger is missing")
	return f.Err()
}

// Pages answers the requests of browsers.
type Pages struct {
	cfg       Config
	mux       *http.ServeMux
	handler   http.Handler
	templates templates
	assets    *assets
	// paths are the paths of pages by template, with wildcards.
	paths  map[string]string
	groups []navGroup
}

// New returns the pages.
func New(cfg Config) (*Pages, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	assets, err := openAssets()
	if err != nil {
		return nil, err
	}
	p := &Pages{cfg: cfg, mux: http.NewServeMux(), assets: assets, paths: map[string]string{}}
	if p.templates, err = parseTemplates(assets.path); err != nil {
		return nil, err
	}
	p.mux.Handle("GET "+assetsPrefix, assets)
	p.routes()
	p.handler = secured(http.NewCrossOriginProtection().Handler(p.mux))
	return p, nil
}

// routes adds all pages. The navigation has their order.
func (p *Pages) routes() {
	p.overview()
	p.imports()
	p.newImport()
	p.reviews()
	p.sites()
	p.siteSettings()
	p.shields()
	p.ingestion()
	p.trials()
	p.schedules()
	p.destinations()
	p.jobs()
	p.events()
	p.eventPurge()
	p.flows()
	p.syncs()
	p.newSync()
	p.connections()
	p.locks()
	p.access()
	p.session()
	p.exports()
	p.mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) { p.signedIn(w, r, missing) })
}

// Paths returns the paths of all pages, sorted, with wildcards as patterns of http.ServeMux have them, such as
// /imports/{import}. Tests go through all pages by it.
func Paths() []string {
	p := &Pages{mux: http.NewServeMux(), paths: map[string]string{}}
	p.routes()
	return slices.Sorted(maps.Values(p.paths))
}

// ServeHTTP answers a request.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.handler.ServeHTTP(w, r) }

// policy lets a page load the files of the server, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// secured sets the header fields of every answer. Pages are private; files of the server replace Cache-Control.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// navGroup is a group of the navigation.
type navGroup struct {
	Title string
	Items []navItem
}

type navItem struct {
	Path, Title string
	// need is the permission that the page needs. all means that it shows what belongs to no site, which needs a
	// principal of all sites.
	need access.Permission
	all  bool
}

// visible tells whether a principal may open the page.
func (i navItem) visible(who access.Principal) bool {
	return who.Role.Allows(i.need) && (!i.all || who.Sites.All())
}

// nav adds a page to a group of the navigation. need is the permission that it needs, and all means that it shows what
// belongs to no site.
func (p *Pages) nav(group, path, title string, need access.Permission, all bool) {
	item := navItem{Path: path, Title: title, need: need, all: all}
	for i := range p.groups {
		if p.groups[i].Title == group {
			p.groups[i].Items = append(p.groups[i].Items, item)
			return
		}
	}
	p.groups = append(p.groups, navGroup{Title: group, Items: []navItem{item}})
}

// navOf returns the navigation that a principal sees.
func (p *Pages) navOf(who access.Principal) []navGroup {
	var groups []navGroup
	for _, g := range p.groups {
		var items []navItem
		for _, item := range g.Items {
			if item.visible(who) {
				items = append(items, item)
			}
		}
		if len(items) > 0 {
			groups = append(groups, navGroup{Title: g.Title, Items: items})
		}
	}
	return groups
}
