// Package ingesting has the operations on sites and on the ingestion of their live events, for the command line and the
// API. Requests that are wrong in themselves are starter.ErrInvalid.
package ingesting

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/internal/ingesting"
	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
	"github.com/sluicehq/sluice/warehouse"
)

// Sites are the operations on sites and their settings. They are safe for concurrent use.
type Sites struct {
	// Store has the settings for the ingestion. Required.
	Store *ingeststore.Store
	// Imports has the sites themselves. Required for Add and List.
	Imports *importstore.Store
	// Warehouse returns the warehouse, which has the counters of events. Required for Traffic.
	Warehouse func(ctx context.Context) (*warehouse.Warehouse, error)
}

// SiteChange is a change of a site's settings. What is nil or empty stays as it is.
type SiteChange struct {
	Block *bool `json:"block,omitempty"`
	// RateLimit sets the limit, NoRateLimit removes it.
	RateLimit   *ingest.RateLimit `json:"rate_limit,omitempty"`
	NoRateLimit bool              `json:"no_rate_limit,omitempty"`
	// AcceptUntil sets the last day whose events are taken, AcceptForever removes it.
	AcceptUntil   *calendar.Day `json:"accept_until,omitempty"`
	AcceptForever bool          `json:"accept_forever,omitempty"`
	// FormerDomains are added to the former domains.
	FormerDomains       []string `json:"former_domains,omitempty"`
	RemoveFormerDomains []string `json:"remove_former_domains,omitempty"`
	// Goals are added, or change their currency, which is "" for none.
	Goals       map[string]string `json:"goals,omitempty"`
	RemoveGoals []string          `json:"remove_goals,omitempty"`
	// Props replaces the allowed properties, AllProps allows all.
	Props    []string `json:"props,omitempty"`
	AllProps bool     `json:"all_props,omitempty"`
	// AllowNetworks are added to the networks that are neither bots nor data centres.
	AllowNetworks       []netip.Prefix `json:"allow_networks,omitempty"`
	RemoveAllowNetworks []netip.Prefix `json:"remove_allow_networks,omitempty"`
	// TimeZone is an IANA name. It cannot be changed once the site has native data.
	TimeZone string `json:"time_zone,omitempty"`
}

var domainPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9._:/-]*[a-z0-9])?$`)

// CheckDomain returns the domain in lower case, or starter.ErrInvalid if it is invalid: it has 1 to 253 letters,
// digits, dots, dashes, underscores, colons and slashes.
func CheckDomain(domain string) (string, error) {
	lower := strings.ToLower(domain)
	if !domainPattern.MatchString(lower) || len(lower) > 253 {
		return "", call.Mark(
			fmt.Errorf("invalid domain %.60q: want letters, digits, dots and dashes, such as example.com", domain),
			call.ErrInvalid)
	}
	return lower, nil
}

// CheckTimeZone returns starter.ErrInvalid if the text is not the IANA name of a time zone.
func CheckTimeZone(zone string) error {
	if _, err := time.LoadLocation(zone); err != nil || zone == "" || zone == "Local" {
		return call.Mark(
			fmt.Errorf("%.60q is not an IANA time zone: want a name such as UTC or Europe/Berlin", zone), call.ErrInvalid)
	}
	return nil
}

// Set changes the settings of the site with a domain and returns the changed site. The errors are
// starter.ErrInvalid, store.ErrNotFound, store.ErrTaken if a former domain belongs to a site, store.ErrLimit, and
// store.ErrConflict if the time zone cannot be changed, or what is to be removed does not exist.
//
// Each check is called with the site before the change, in its transaction; its error refuses the change.
func (s *Sites) Set(
	ctx context.Context, domain string, c SiteChange, checks ...func(ingeststore.Site) error,
) (ingeststore.Site, error) {
	if err := c.check(); err != nil {
		return ingeststore.Site{}, call.Mark(fmt.Errorf("change site %s: %w", domain, err), call.ErrInvalid)
	}
	if c.TimeZone != "" {
		if err := s.checkNoNativeData(ctx, domain, c.TimeZone); err != nil {
			return ingeststore.Site{}, err
		}
	}
	return s.change(ctx, "site.set", domain, func(site *ingeststore.Site) error {
		for _, check := range checks {
			if err := check(*site); err != nil {
				return err
			}
		}
		if c.TimeZone != "" {
			site.TimeZone = c.TimeZone
		}
		if err := c.apply(&site.Settings); err != nil {
			return err
		}
		return checkSettings(*site)
	})
}

func (c *SiteChange) check() error {
	var faults []error
	conflicts := map[string]bool{
		"a rate limit is set and removed":            c.RateLimit != nil && c.NoRateLimit,
		"a last day is set and removed":              c.AcceptUntil != nil && c.AcceptForever,
		"allowed properties are set and all allowed": len(c.Props) > 0 && c.AllProps,
	}
	for fault, found := range conflicts {
		if found {
			faults = append(faults, errors.New(fault))
		}
	}
	for i, former := range c.FormerDomains {
		lower, err := CheckDomain(former)
		if err == nil {
			c.FormerDomains[i] = lower
		}
		faults = append(faults, err)
	}
	for i, former := range c.RemoveFormerDomains {
		c.RemoveFormerDomains[i] = strings.ToLower(former)
	}
	if c.TimeZone != "" {
		faults = append(faults, CheckTimeZone(c.TimeZone))
	}
	return errors.Join(faults...)
}

// checkNoNativeData returns store.ErrConflict if the site has native data, whose days are those of its time zone. The
// store checks again in the transaction of the change.
func (s *Sites) checkNoNativeData(ctx context.Context, domain, zone string) error {
	site, err := s.Store.FindSite(ctx, domain)
	if err != nil || site.TimeZone == zone {
		return err
	}
	if site.NativeStart != nil {
		return fmt.Errorf("the time zone of site %s stays %s, because its native data have days in it: %w",
			domain, site.TimeZone, store.ErrConflict)
	}
	return nil
}

// apply changes the settings.
func (c *SiteChange) apply(s *ingeststore.Settings) error {
	if c.Block != nil {
		s.Blocked = *c.Block
	}
	switch {
	case c.NoRateLimit:
		s.RateLimit = nil
	case c.RateLimit != nil:
		s.RateLimit = &ingeststore.RateLimit{Events: int32(c.RateLimit.Events), Window: c.RateLimit.Window}
	}
	switch {
	case c.AcceptForever:
		s.AcceptUntil = nil
	case c.AcceptUntil != nil:
		s.AcceptUntil = c.AcceptUntil
	}
	switch {
	case c.AllProps:
		s.Props = nil
	case len(c.Props) > 0:
		s.Props = c.Props
	}
	for _, name := range c.RemoveGoals {
		if _, ok := s.Goals[name]; !ok {
			return fmt.Errorf("goal %.60q does not exist: %w", name, store.ErrConflict)
		}
		delete(s.Goals, name)
	}
	for name, code := range c.Goals {
		if s.Goals == nil {
			s.Goals = map[string]string{}
		}
		s.Goals[name] = code
	}
	faults := []error{
		change(&s.FormerDomains, c.FormerDomains, c.RemoveFormerDomains, "former domain"),
		change(&s.AllowedNetworks, c.AllowNetworks, c.RemoveAllowNetworks, "allowed network"),
	}
	return errors.Join(faults...)
}

// change adds entries to a list unless it has them, and removes others, which it must have.
func change[T comparable](list *[]T, add, remove []T, noun string) error {
	for _, one := range remove {
		i := slices.Index(*list, one)
		if i < 0 {
			return fmt.Errorf("%s %v does not exist: %w", noun, one, store.ErrConflict)
		}
		*list = slices.Delete(*list, i, i+1)
	}
	for _, one := range add {
		if !slices.Contains(*list, one) {
			*list = append(*list, one)
		}
	}
	return nil
}

// checkSettings returns an error of store.ErrLimit unless the pipeline takes the settings.
func checkSettings(site ingeststore.Site) error {
	var faults []error
	if n := len(site.Settings.AllowedNetworks); n > ingest.MaxAllowIPs {
		faults = append(faults, fmt.Errorf("%d allowed networks: want at most %d", n, ingest.MaxAllowIPs))
	}
	if slices.Contains(site.Settings.FormerDomains, site.Domain) {
		faults = append(faults, fmt.Errorf("%s is the domain itself", site.Domain))
	}
	err := errors.Join(append(faults, ingesting.SiteOf(site).Validate(), ingest.CheckGoals(site.Settings.Goals),
		ingest.CheckProps(site.Settings.Props))...)
	if err != nil {
		return fmt.Errorf("%w: %w", store.ErrLimit, err)
	}
	return nil
}

// change changes a site and records the change in the audit.
func (s *Sites) change(
	ctx context.Context, operation, domain string, change ingeststore.SiteChange,
) (ingeststore.Site, error) {
	entry := store.AuditEntry{Operation: operation, SubjectType: "site", SubjectID: domain, Site: domain}
	return store.AuditedResult(ctx, s.Store.Store, entry, func(ctx context.Context) (ingeststore.Site, error) {
		return s.Store.ChangeSite(ctx, domain, change)
	})
}
