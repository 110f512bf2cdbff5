package ingesting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// SitesChannel is the PostgreSQL channel that notifies of every change of a site's domains, settings or keys, in
// the transaction of the change. The payload is "version site": the version is one higher than that of
// the change before.
const SitesChannel = "sluice_sites"

// MaxFormerDomains bounds the former domains of a site.
const MaxFormerDomains = 10

// Site is a site with its settings for the ingestion.
type Site struct {
	ID       int64
	Domain   string
	TimeZone string
	// NativeStart is the first day that native data serve, or nil: see HistorySite.
	NativeStart *calendar.Day
	Settings    Settings
}

// Settings are what the ingestion does with the events of a site. The zero value takes all events.
type Settings struct {
	// Blocked means that the site takes no events.
	Blocked bool
	// RateLimit bounds the events, or is nil.
	RateLimit *RateLimit
	// AcceptUntil is the last day, in UTC, whose events are taken, or nil.
	AcceptUntil *calendar.Day
	// FormerDomains are domains whose events belong to the site too, in order.
	FormerDomains []string
	// Goals are names of events with the currency in which their revenue is reported, or "".
	Goals map[string]string
	// Props are the custom properties that are stored; empty means all.
	Props []string
	// AllowedNetworks are neither bots nor data centres.
	AllowedNetworks []netip.Prefix
	// Shields drop events. Hostnames alone are a list of what is allowed.
	ShieldIPs       []netip.Prefix
	ShieldCountries []string
	ShieldPages     []string
	ShieldHostnames []string
}

// RateLimit bounds the events of a site.
type RateLimit struct {
	// Events is the number of events in a window, at least 1.
	Events int32
	// Window is from 1 s to 24 h, in whole seconds.
	Window time.Duration
}

// Sites are all sites and keys at a version.
type Sites struct {
	// Version is the number of changes until then. Sites and Keys may be newer.
	Version int64
	Sites   []Site
	Keys    []KeyHash
}

// SitesVersion returns the number of changes of sites.
func (s *Store) SitesVersion(ctx context.Context) (int64, error) {
	version, err := s.sql.Queries.IngestSitesVersion(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the version of sites: %w", err)
	}
	return version, nil
}

// LoadSites returns all sites with their settings and keys.
func (s *Store) LoadSites(ctx context.Context) (Sites, error) {
	version, err := s.SitesVersion(ctx)
	if err != nil {
		return Sites{}, err
	}
	sites, keys, err := s.loadSites(ctx, nil)
	return Sites{Version: version, Sites: sites, Keys: keys}, err
}

// LoadSite returns a site with its keys, or store.ErrNotFound.
func (s *Store) LoadSite(ctx context.Context, id int64) (Site, []KeyHash, error) {
	sites, keys, err := s.loadSites(ctx, &id)
	if err == nil && len(sites) == 0 {
		err = fmt.Errorf("site %d: %w", id, store.ErrNotFound)
	}
	if err != nil {
		return Site{}, nil, err
	}
	return sites[0], keys, nil
}

func (s *Store) loadSites(ctx context.Context, id *int64) ([]Site, []KeyHash, error) {
	rows, err := s.sql.Queries.ListIngestSites(ctx, id)
	if err != nil {
		return nil, nil, fmt.Errorf("load the settings of sites: %w", err)
	}
	sites := make([]Site, len(rows))
	for i, row := range rows {
		if sites[i], err = siteOf(row); err != nil {
			return nil, nil, err
		}
	}
	hashes, err := s.sql.Queries.ListSiteKeyHashes(ctx, id)
	if err != nil {
		return nil, nil, fmt.Errorf("load the keys of sites: %w", err)
	}
	keys := make([]KeyHash, len(hashes))
	for i, h := range hashes {
		keys[i] = KeyHash{ID: h.ID, SiteID: h.SiteID, Prefix: h.Prefix, Hash: [32]byte(h.Hash)}
	}
	return sites, keys, nil
}

func siteOf(row db.ListIngestSitesRow) (Site, error) {
	i := row.IngestSite
	site := Site{
		ID: i.SiteID, Domain: row.Domain, TimeZone: row.TimeZone, NativeStart: row.NativeStart,
		Settings: Settings{
			Blocked: i.Blocked, AcceptUntil: i.AcceptUntil, FormerDomains: slices.Clone(row.FormerDomains),
			Props: i.Props, AllowedNetworks: i.AllowedNetworks,
			ShieldIPs: i.ShieldIps, ShieldCountries: i.ShieldCountries,
			ShieldPages: i.ShieldPages, ShieldHostnames: i.ShieldHostnames,
		},
	}
	if i.RateEvents != nil && i.RateSeconds != nil {
		site.Settings.RateLimit = &RateLimit{
			Events: *i.RateEvents, Window: time.Duration(*i.RateSeconds) * time.Second,
		}
	}
	if err := json.Unmarshal(i.Goals, &site.Settings.Goals); err != nil {
		return Site{}, fmt.Errorf("read the goals of site %s: %w", row.Domain, err)
	}
	return site, nil
}

// SiteChange changes a site in a transaction that locks its settings. It may be called again.
type SiteChange func(site *Site) error

// ChangeSite changes the settings and the time zone of the site with a domain and returns the changed site. The
// settings keep within their bounds, or the error is store.ErrLimit. Other errors are
// store.ErrNotFound, store.ErrTaken if a former domain is a domain of a site, store.ErrConflict if the time zone of a
// site with native data is changed, and that of the change.
func (s *Store) ChangeSite(ctx context.Context, domain string, change SiteChange) (Site, error) {
	var site Site
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		id, err := q.LockIngestSite(ctx, domain)
		if err != nil {
			return store.Found(err, "site %s", domain)
		}
		rows, err := q.ListIngestSites(ctx, &id)
		if err != nil || len(rows) != 1 {
			return fmt.Errorf("read the settings of site %s: %w", domain, err)
		}
		before, err := siteOf(rows[0])
		if err != nil {
			return err
		}
		if site, err = siteOf(rows[0]); err != nil {
			return err
		}
		if err := change(&site); err != nil {
			return err
		}
		store.NoteChange(ctx, siteDocument(before), siteDocument(site))
		return saveSite(ctx, q, before, site)
	})
	if err != nil {
		return Site{}, fmt.Errorf("change site %s: %w", domain, err)
	}
	return site, nil
}

// siteDocument is what the audit says about a site.
func siteDocument(s Site) any {
	c := s.Settings
	document := map[string]any{
		"time_zone": s.TimeZone, "blocked": c.Blocked, "accept_until": c.AcceptUntil, "former_domains": c.FormerDomains,
		"goals": c.Goals, "props": c.Props, "allowed_networks": c.AllowedNetworks, "shield_ips": c.ShieldIPs,
		"shield_countries": c.ShieldCountries, "shield_pages": c.ShieldPages, "shield_hostnames": c.ShieldHostnames,
	}
	if c.RateLimit != nil {
		document["rate_limit"] = fmt.Sprintf("%d/%s", c.RateLimit.Events, c.RateLimit.Window)
	}
	return document
}

// saveSite writes what differs.
func saveSite(ctx context.Context, q *db.Queries, before, site Site) error {
	if site.TimeZone != before.TimeZone {
		changed, err := q.SetSiteTimeZone(ctx, site.TimeZone, site.ID)
		if err != nil {
			return fmt.Errorf("change the time zone: %w", err)
		}
		if changed == 0 {
			return fmt.Errorf("the time zone of a site with native data is final: %w", store.ErrConflict)
		}
	}
	if err := saveFormerDomains(ctx, q, before, site); err != nil {
		return err
	}
	goals, err := json.Marshal(site.Settings.Goals)
	if err != nil {
		return fmt.Errorf("encode goals: %w", err)
	}
	if site.Settings.Goals == nil {
		goals = []byte("{}")
	}
	c := site.Settings
	params := db.SaveIngestSiteParams{
		SiteID: site.ID, Blocked: c.Blocked, AcceptUntil: c.AcceptUntil, Goals: goals,
		AllowedNetworks: noNil(c.AllowedNetworks), ShieldIps: noNil(c.ShieldIPs), ShieldCountries: noNil(c.ShieldCountries),
		ShieldPages: noNil(c.ShieldPages), ShieldHostnames: noNil(c.ShieldHostnames),
	}
	if len(c.Props) > 0 {
		params.Props = c.Props
	}
	if c.RateLimit != nil {
		seconds := int32(c.RateLimit.Window / time.Second)
		params.RateEvents, params.RateSeconds = &c.RateLimit.Events, &seconds
	}
	err = q.SaveIngestSite(ctx, params)
	if outOfBounds(err) {
		return fmt.Errorf("%w: %w", store.ErrLimit, err)
	}
	if err != nil {
		return fmt.Errorf("save the settings: %w", err)
	}
	return nil
}

func saveFormerDomains(ctx context.Context, q *db.Queries, before, site Site) error {
	for _, domain := range before.Settings.FormerDomains {
		if slices.Contains(site.Settings.FormerDomains, domain) {
			continue
		}
		if err := q.RemoveFormerDomain(ctx, domain, site.ID); err != nil {
			return fmt.Errorf("remove former domain %s: %w", domain, err)
		}
	}
	if n := len(site.Settings.FormerDomains); n > MaxFormerDomains {
		return fmt.Errorf("a site with %d former domains: want at most %d: %w", n, MaxFormerDomains, store.ErrLimit)
	}
	for _, domain := range site.Settings.FormerDomains {
		if slices.Contains(before.Settings.FormerDomains, domain) {
			continue
		}
		err := q.AddFormerDomain(ctx, domain, site.ID)
		if store.Violates(err, "site_domains_pkey") {
			return fmt.Errorf("domain %s belongs to a site: %w", domain, store.ErrTaken)
		}
		if err != nil {
			return fmt.Errorf("add former domain %s: %w", domain, err)
		}
	}
	return nil
}

// checkViolation is PostgreSQL's code of a violated check.
const checkViolation = "23514"

// outOfBounds reports whether a setting violates a check of the database.
func outOfBounds(err error) bool {
	var violation *pgconn.PgError
	return errors.As(err, &violation) && violation.Code == checkViolation
}

// noNil returns an empty list for nil, which would be NULL.
func noNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// SiteOfDomain returns the site to which the events of a domain belong, also of a former one, or store.ErrNotFound.
func (s *Store) SiteOfDomain(ctx context.Context, domain string) (Site, error) {
	id, err := s.sql.Queries.IngestSiteOfDomain(ctx, domain)
	if err != nil {
		return Site{}, store.Found(err, "site of domain %s", domain)
	}
	site, _, err := s.LoadSite(ctx, id)
	return site, err
}

// FindSite returns the site with a domain, or store.ErrNotFound. A former domain does not find it.
func (s *Store) FindSite(ctx context.Context, domain string) (Site, error) {
	row, err := s.sql.Queries.SiteByDomain(ctx, domain)
	if err != nil {
		return Site{}, store.Found(err, "site %s", domain)
	}
	site, _, err := s.LoadSite(ctx, row.ID)
	return site, err
}
