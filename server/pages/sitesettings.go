package pages

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/server/api"
	accessclient "github.com/sluicehq/sluice/starter/access"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
)

// newSitePath is the path of the page that adds sites. Every path below /sites is a domain.
const newSitePath = "/new/site"

// siteSettings adds the pages that add a site and change its settings and its keys.
func (p *Pages) siteSettings() {
	p.page("GET "+newSitePath, "site_new", noData)
	p.action("POST "+newSitePath, "site_new", noData, addSite)
	p.page("GET /sites/{site}/settings", "site_settings", p.siteSettingsPage)
	p.action("POST /sites/{site}/settings", "site_settings", p.siteSettingsPage, setSite)
	p.reveal("POST /sites/{site}/keys", "site_settings", p.siteSettingsPage, "site_key_created", createSiteKey)
	p.action("POST /sites/{site}/keys/{key}/revoke", "site_settings", p.siteSettingsPage, func(v *visit) (string, error) {
		return siteOf(v) + "/settings#keys", v.send(http.MethodDelete, v.at("/sites/{site}/keys/{key}"), nil, nil)
	})
}

// siteOf is the path of the site of a request, here and at the API.
func siteOf(v *visit) string { return v.at("/sites/{site}") }

func addSite(v *visit) (string, error) {
	form := v.r.PostForm
	site := api.SiteRequest{
		Domain: strings.TrimSpace(form.Get("domain")), TimeZone: strings.TrimSpace(form.Get("timezone")),
		Contacts: typedLines(form.Get("contacts")),
	}
	if text := strings.TrimSpace(form.Get("native_start")); text != "" {
		first, err := calendar.ParseDay(text)
		if err != nil {
			return "", invalid("native_start", "want a day, such as 2026-01-31")
		}
		site.NativeStart = &first
	}
	var added ingestclient.ListedSite
	err := v.send(http.MethodPost, "/sites", site, &added)
	return sitePath(added.Domain), err
}

// siteSettingsShown is the page of the settings of a site.
type siteSettingsShown struct {
	ingestclient.Site
	ETag string
	// Traffic are the numbers of the last 24 hours, nil while the warehouse does not answer.
	Traffic *siteTraffic
	// Keys are those of its authorised senders. Only administrators see them.
	Keys []accessclient.SiteKey
}

// siteTraffic are the numbers of events of a site on a page.
type siteTraffic struct{ ingestclient.Traffic }

// Reasons are the reasons of the dropped events, the most frequent first.
func (t siteTraffic) Reasons() []reasonCount { return reasonsOf(t.Dropped24h) }

// Dropped is the number of dropped events of the last 24 hours.
func (t siteTraffic) Dropped() uint64 { return sumOf(t.Dropped24h) }

// Path is the path of the site.
func (s siteSettingsShown) Path() string { return sitePath(s.Domain) }

// Until is the last day whose events are taken, "" for none.
func (s siteSettingsShown) Until() string {
	if s.AcceptUntil == nil {
		return ""
	}
	return s.AcceptUntil.String()
}

// Limit is the rate limit as text, "" for none.
func (s siteSettingsShown) Limit() string {
	if s.RateLimit == nil {
		return ""
	}
	return *s.RateLimit
}

// GoalLines are the goals as they are typed: NAME or NAME:CURRENCY, one in each line.
func (s siteSettingsShown) GoalLines() string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(s.Goals)) {
		if currency := s.Goals[name]; currency != "" {
			name += ":" + currency
		}
		lines = append(lines, name)
	}
	return strings.Join(lines, "\n")
}

func (p *Pages) siteSettingsPage(v *visit) (any, error) {
	path := siteOf(v)
	site, etag, err := getTagged[ingestclient.Site](v, path)
	if err != nil {
		return nil, err
	}
	shown := siteSettingsShown{Site: site, ETag: etag}
	traffic, err := get[ingestclient.Traffic](v, path+"/traffic", nil)
	switch {
	case err == nil:
		shown.Traffic = &siteTraffic{traffic}
	case !away(err):
		return nil, err
	}
	if v.who.Role.Allows(access.PermissionAdminister) {
		keys, err := get[List[accessclient.SiteKey]](v, path+"/keys", nil)
		if err != nil {
			return nil, err
		}
		shown.Keys = keys.Items
	}
	return shown, nil
}

// setSite changes the settings that differ from those of the site. The ETag of the form makes sure that these are the
// ones that the form was opened with.
func setSite(v *visit) (string, error) {
	path, form := siteOf(v), v.r.PostForm
	before, err := get[ingestclient.Site](v, path, nil)
	if err != nil {
		return "", err
	}
	change, err := siteChange(before, form)
	if err != nil {
		return "", err
	}
	return path + "/settings", v.edit(http.MethodPatch, path, change)
}

// siteChange returns the change from the settings of a site to those of a form.
func siteChange(before ingestclient.Site, form url.Values) (api.SiteChange, error) {
	var change api.SiteChange
	if blocked := form.Get("blocked") != ""; blocked != before.Blocked {
		change.Blocked = &blocked
	}
	shown := siteSettingsShown{Site: before}
	change.RateLimit = changedOrNone(shown.Limit(), form.Get("rate_limit"))
	change.AcceptUntil = changedOrNone(shown.Until(), form.Get("accept_until"))
	if zone := strings.TrimSpace(form.Get("timezone")); zone != before.TimeZone {
		change.TimeZone = zone
	}
	change.FormerDomains, change.RemoveFormerDomains = changedLines(before.FormerDomains, form.Get("former_domains"))
	change.AllowNetworks, change.RemoveAllowNetworks = changedLines(before.AllowedNetworks, form.Get("allowed_networks"))
	props := typedLines(form.Get("props"))
	switch all := form.Get("all_props") != ""; {
	case all && before.Props != nil:
		change.AllProps = true
	case !all && len(props) == 0 && before.Props == nil:
		return change, invalid("props", "want the properties that are stored, one in each line, or all of them")
	case !all && !slices.Equal(props, before.Props):
		change.Props = props
	}
	err := changeGoals(&change, before.Goals, typedLines(form.Get("goals")))
	return change, err
}

// changeGoals adds the change from goals to those of lines, NAME or NAME:CURRENCY.
func changeGoals(change *api.SiteChange, before map[string]string, lines []string) error {
	goals := map[string]string{}
	for _, line := range lines {
		name, currency := line, ""
		if at := strings.LastIndexByte(line, ':'); at >= 0 {
			name, currency = strings.TrimSpace(line[:at]), strings.TrimSpace(line[at+1:])
		}
		if _, twice := goals[name]; twice || name == "" {
			return invalid("goals", "want NAME or NAME:CURRENCY in each line, and each name once")
		}
		goals[name] = currency
	}
	for name, currency := range goals {
		if was, ok := before[name]; !ok || was != currency {
			if change.Goals == nil {
				change.Goals = map[string]string{}
			}
			change.Goals[name] = currency
		}
	}
	for name := range before {
		if _, ok := goals[name]; !ok {
			change.RemoveGoals = append(change.RemoveGoals, name)
		}
	}
	slices.Sort(change.RemoveGoals)
	return nil
}

// changedOrNone returns a value that was typed, none for an empty field, and nil for one that is as before.
func changedOrNone(before, typed string) *string {
	typed = strings.TrimSpace(typed)
	switch typed {
	case before:
		return nil
	case "":
		typed = "none"
	}
	return &typed
}

// changedLines returns the lines that are typed and were not there before, and those that were and are not any more.
func changedLines(before []string, typed string) (add, remove []string) {
	lines := typedLines(typed)
	for _, line := range lines {
		if !slices.Contains(before, line) {
			add = append(add, line)
		}
	}
	for _, line := range before {
		if !slices.Contains(lines, line) {
			remove = append(remove, line)
		}
	}
	return add, remove
}

// createdKey is a new key of a site with its secret.
type createdKey struct {
	api.CreatedSiteKey
	// Path is that of the site.
	Path, Site string
}

func createSiteKey(v *visit) (any, error) {
	created := createdKey{Path: siteOf(v), Site: v.r.PathValue("site")}
	err := v.send(http.MethodPost, created.Path+"/keys", api.SiteKeyRequest{
		Label: strings.TrimSpace(v.r.PostForm.Get("label")),
	}, &created.CreatedSiteKey)
	return created, err
}
