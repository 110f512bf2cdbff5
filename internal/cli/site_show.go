package cli

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/internal/terminal"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
	"github.com/sluicehq/sluice/warehouse"
)

// showSite shows the settings of a site and what the ingestion has counted for it.
func showSite(ctx context.Context, s *session) error {
	domain, err := oneArg(s.cli, "a site's domain")
	if err != nil {
		return err
	}
	sites, err := s.Sites(ctx)
	if err != nil {
		return err
	}
	site, err := sites.Store.FindSite(ctx, domain)
	if err != nil {
		return explainSite(err)
	}
	keys, err := sites.Store.Keys(ctx, domain)
	if err != nil {
		return err
	}
	progress, err := sites.Store.WriterProgress(ctx)
	if err != nil {
		return err
	}
	counters, err := s.Warehouse(ctx)
	if err != nil {
		return err
	}
	traffic, err := counters.SiteTraffic(ctx, uint64(site.ID),
		append([]string{site.Domain}, site.Settings.FormerDomains...), time.Now())
	if err != nil {
		return err
	}
	if asJSON(s.cli) {
		view := settingsView(site)
		view.Keys = slices.Collect(func(yield func(keyJSON) bool) {
			for _, key := range keys {
				if !yield(keyView(key)) {
					return
				}
			}
		})
		view.Traffic = trafficView(traffic)
		view.Writers = writersView(progress)
		return writeJSON(s.cli, view)
	}
	lines := append(settingsLines(site), [2]string{"Keys", keyCount(keys)})
	lines = append(lines, trafficLines(traffic)...)
	return writeLines(s.cli, append(lines, [2]string{"Writers", writersText(progress, time.Now())}))
}

// keyCount counts the valid keys.
func keyCount(keys []ingeststore.Key) string {
	valid := 0
	for _, key := range keys {
		if key.RevokedAt == nil {
			valid++
		}
	}
	return fmt.Sprintf("%d valid, %d revoked", valid, len(keys)-valid)
}

// settingsLines are the settings of a site for people.
func settingsLines(site ingeststore.Site) [][2]string {
	c := site.Settings
	native := "none"
	if site.NativeStart != nil {
		native = "since " + site.NativeStart.String()
	}
	state := "takes events"
	if c.Blocked {
		state = "blocked"
	}
	limit := "none"
	if c.RateLimit != nil {
		limit = ingest.RateLimit{Events: int(c.RateLimit.Events), Window: c.RateLimit.Window}.String()
	}
	until := "no end"
	if c.AcceptUntil != nil {
		until = c.AcceptUntil.String()
	}
	props := "all"
	if len(c.Props) > 0 {
		props = strings.Join(c.Props, ", ")
	}
	goals := make([]string, 0, len(c.Goals))
	for _, name := range slices.Sorted(maps.Keys(c.Goals)) {
		goal := name
		if code := c.Goals[name]; code != "" {
			goal += " (" + code + ")"
		}
		goals = append(goals, goal)
	}
	return [][2]string{
		{"Site", fmt.Sprintf("%s (%d)", site.Domain, site.ID)},
		{"Time zone", site.TimeZone},
		{"Native data", native},
		{"State", state},
		{"Rate limit", limit},
		{"Accepts until", until},
		{"Former domains", listText(c.FormerDomains)},
		{"Goals", listText(goals)},
		{"Properties", props},
		{"Allowed networks", listText(texts(c.AllowedNetworks))},
		{"Shields", fmt.Sprintf("%s, %s, %s, %s",
			plural(int64(len(c.ShieldIPs)), "IP rule"), countries(len(c.ShieldCountries)),
			plural(int64(len(c.ShieldPages)), "page rule"), plural(int64(len(c.ShieldHostnames)), "hostname rule"))},
	}
}

func countries(n int) string { return plural(int64(n), "country rule") }

func listText(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

func texts(networks []netip.Prefix) []string {
	list := make([]string, len(networks))
	for i, network := range networks {
		list[i] = network.String()
	}
	return list
}

// trafficLines are the counters of a site for people.
func trafficLines(t warehouse.SiteTraffic) [][2]string {
	last := "none in 30 days"
	if t.LastEvent != nil {
		last = t.LastEvent.Local().Format("2006-01-02 15:04")
	}
	dropped := make([]string, 0, len(t.Dropped))
	for _, reason := range slices.Sorted(maps.Keys(t.Dropped)) {
		dropped = append(dropped, fmt.Sprintf("%s %d", reason, t.Dropped[reason]))
	}
	return [][2]string{
		{"Last event", last},
		{"Events a minute", fmt.Sprintf("%.1f (mean of the last 5 minutes)", t.PerMinute)},
		{"Stored in 24 h", plural(int64(t.Buffered), "event")},
		{"Dropped in 24 h", listText(dropped)},
	}
}

// writersText says how far the writers of the event log are.
func writersText(p ingeststore.WriterProgress, now time.Time) string {
	switch {
	case p.Partitions == 0:
		return "no event log is registered"
	case p.WrittenAt == nil:
		return fmt.Sprintf("%d partitions, nothing written yet", p.Partitions)
	}
	text := fmt.Sprintf("%d partitions, last progress %s ago", p.Partitions, age(now, *p.WrittenAt))
	if p.OpenSince != nil {
		text += fmt.Sprintf(", %d in progress, the oldest for %s", p.Open, age(now, *p.OpenSince))
	}
	if p.Poisoned > 0 {
		text += ", " + plural(p.Poisoned, "record") + " rejected"
	}
	return text
}

func age(now, at time.Time) string { return terminal.Duration(max(now.Sub(at), 0)) }

// settingsJSON are the settings of a site for programs.
type settingsJSON struct {
	ID              int64             `json:"id"`
	Domain          string            `json:"domain"`
	TimeZone        string            `json:"timezone"`
	NativeStart     *calendar.Day     `json:"native_start"`
	Blocked         bool              `json:"blocked"`
	RateLimit       *string           `json:"rate_limit"`
	AcceptUntil     *calendar.Day     `json:"accept_until"`
	FormerDomains   []string          `json:"former_domains"`
	Goals           map[string]string `json:"goals"`
	Props           []string          `json:"props"`
	AllowedNetworks []string          `json:"allowed_networks"`
	Shields         shieldsJSON       `json:"shields"`
	Keys            []keyJSON         `json:"keys,omitempty"`
	Traffic         *trafficJSON      `json:"traffic,omitempty"`
	Writers         *writersJSON      `json:"writers,omitempty"`
}

type shieldsJSON struct {
	IPs       []string `json:"ips"`
	Countries []string `json:"countries"`
	Pages     []string `json:"pages"`
	Hostnames []string `json:"hostnames"`
}

type trafficJSON struct {
	LastEvent       *time.Time        `json:"last_event"`
	EventsPerMinute float64           `json:"events_per_minute"`
	Stored24h       uint64            `json:"stored_24h"`
	Dropped24h      map[string]uint64 `json:"dropped_24h"`
}

type writersJSON struct {
	Partitions int64      `json:"partitions"`
	Open       int64      `json:"open"`
	WrittenAt  *time.Time `json:"written_at"`
	OpenSince  *time.Time `json:"open_since"`
	Rejected   int64      `json:"rejected"`
}

func settingsView(site ingeststore.Site) settingsJSON {
	c := site.Settings
	view := settingsJSON{
		ID: site.ID, Domain: site.Domain, TimeZone: site.TimeZone, NativeStart: site.NativeStart, Blocked: c.Blocked,
		AcceptUntil: c.AcceptUntil, FormerDomains: noNil(c.FormerDomains), Goals: c.Goals, Props: c.Props,
		AllowedNetworks: texts(c.AllowedNetworks), Shields: shieldsView(site),
	}
	if view.Goals == nil {
		view.Goals = map[string]string{}
	}
	if c.RateLimit != nil {
		text := ingest.RateLimit{Events: int(c.RateLimit.Events), Window: c.RateLimit.Window}.String()
		view.RateLimit = &text
	}
	return view
}

func shieldsView(site ingeststore.Site) shieldsJSON {
	c := site.Settings
	return shieldsJSON{
		IPs: texts(c.ShieldIPs), Countries: noNil(c.ShieldCountries), Pages: noNil(c.ShieldPages),
		Hostnames: noNil(c.ShieldHostnames),
	}
}

// noNil returns an empty list for nil, which would be null.
func noNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func trafficView(t warehouse.SiteTraffic) *trafficJSON {
	return &trafficJSON{
		LastEvent: t.LastEvent, EventsPerMinute: t.PerMinute, Stored24h: t.Buffered, Dropped24h: t.Dropped,
	}
}

func writersView(p ingeststore.WriterProgress) *writersJSON {
	return &writersJSON{
		Partitions: p.Partitions, Open: p.Open, WrittenAt: p.WrittenAt, OpenSince: p.OpenSince, Rejected: p.Poisoned,
	}
}
