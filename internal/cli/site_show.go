package cli

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/internal/terminal"
	accessclient "github.com/sluicehq/sluice/starter/access"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// showSite shows the settings of a site and what the ingestion has counted for it.
func showSite(ctx context.Context, s *session, domain string, sites *ingestclient.Sites) error {
	site, err := sites.Show(ctx, domain)
	if err != nil {
		return err
	}
	keys, err := sites.Store.Keys(ctx, domain)
	if err != nil {
		return err
	}
	progress, err := sites.Writers(ctx)
	if err != nil {
		return err
	}
	traffic, err := sites.Traffic(ctx, site)
	if err != nil {
		return err
	}
	if asJSON(s.cli) {
		view := shownSiteJSON{Site: ingestclient.SiteOf(site), Traffic: traffic, Writers: progress}
		for _, key := range keys {
			view.Keys = append(view.Keys, accessclient.SiteKeyOf(key))
		}
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
		{"Allowed networks", listText(convert.Slice(c.AllowedNetworks, netip.Prefix.String))},
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

// trafficLines are the counters of a site for people.
func trafficLines(t ingestclient.Traffic) [][2]string {
	last := "none in 30 days"
	if t.LastEvent != nil {
		last = t.LastEvent.Local().Format("2006-01-02 15:04")
	}
	dropped := make([]string, 0, len(t.Dropped24h))
	for _, reason := range slices.Sorted(maps.Keys(t.Dropped24h)) {
		dropped = append(dropped, fmt.Sprintf("%s %d", reason, t.Dropped24h[reason]))
	}
	return [][2]string{
		{"Last event", last},
		{"Events a minute", fmt.Sprintf("%.1f (mean of the last 5 minutes)", t.EventsPerMinute)},
		{"Stored in 24 h", plural(int64(t.Stored24h), "event")},
		{"Dropped in 24 h", listText(dropped)},
	}
}

// writersText says how far the writers of the event log are.
func writersText(p ingestclient.Writers, now time.Time) string {
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
	if p.Rejected > 0 {
		text += ", " + plural(p.Rejected, "record") + " rejected"
	}
	return text
}

func age(now, at time.Time) string { return terminal.Duration(max(now.Sub(at), 0)) }

// shownSiteJSON is a site with its keys and its traffic for programs. Fields are only ever added.
type shownSiteJSON struct {
	ingestclient.Site

	Keys    []accessclient.SiteKey `json:"keys,omitempty"`
	Traffic ingestclient.Traffic   `json:"traffic"`
	Writers ingestclient.Writers   `json:"writers"`
}
