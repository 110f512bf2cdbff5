package ingesting

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"time"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// NewSite is a site to be added.
type NewSite struct {
	// Domain identifies it: see CheckDomain.
	Domain string
	// TimeZone is the IANA name of the zone of its days.
	TimeZone string
	// NativeStart is the first day with native data, before which imports end; nil for none.
	NativeStart *calendar.Day
	// Contacts are e-mail addresses that receive notifications about its imports, at most MaxContacts.
	Contacts []string
}

// MaxContacts is the maximum number of contacts of a site.
const MaxContacts = 20

// check returns every fault of a site, and brings its domain into normal form.
func (n *NewSite) check() error {
	domain, err := CheckDomain(n.Domain)
	faults := []error{err, CheckTimeZone(n.TimeZone)}
	for _, address := range n.Contacts {
		faults = append(faults, CheckContact(address))
	}
	if len(n.Contacts) > MaxContacts {
		faults = append(faults, fmt.Errorf("%d contacts: want at most %d", len(n.Contacts), MaxContacts))
	}
	n.Domain = domain
	return call.Mark(errors.Join(faults...), call.ErrInvalid)
}

// CheckContact returns starter.ErrInvalid unless the text is an e-mail address.
func CheckContact(address string) error {
	if _, err := mail.ParseAddress(address); err != nil {
		return call.Mark(
			fmt.Errorf("%.80q is not an e-mail address: want an address such as ann@example.com", address), call.ErrInvalid)
	}
	return nil
}

// Add adds a site. The errors are starter.ErrInvalid, and store.ErrTaken if there is one with its domain.
func (s *Sites) Add(ctx context.Context, n NewSite) (importstore.Site, error) {
	if err := n.check(); err != nil {
		return importstore.Site{}, err
	}
	row := importstore.NewSite{
		Domain: n.Domain, TimeZone: n.TimeZone, NativeStart: n.NativeStart, Contacts: n.Contacts,
	}
	entry := store.AuditEntry{Operation: "site.add", SubjectType: "site", SubjectID: n.Domain, Site: n.Domain, After: row}
	return store.AuditedResult(ctx, s.Store.Store, entry, func(ctx context.Context) (importstore.Site, error) {
		return s.Imports.AddSite(ctx, row)
	})
}

// List returns up to limit sites of a scope after a domain, in order of their domains; all with the limit 0. A text
// selects those that have it in their domain, in upper or lower case.
func (s *Sites) List(
	ctx context.Context, scope access.Scope, text, after string, limit int,
) ([]importstore.Site, error) {
	return s.Imports.ListSites(ctx, importstore.SiteFilter{Domains: scope.Domains(), Text: text}, after, limit)
}

// Show returns the settings of a site, or store.ErrNotFound. A former domain does not find it.
func (s *Sites) Show(ctx context.Context, domain string) (ingeststore.Site, error) {
	return s.Store.FindSite(ctx, domain)
}

// Traffic returns what the writers have counted for a site under its domains, also former ones.
func (s *Sites) Traffic(ctx context.Context, site ingeststore.Site) (Traffic, error) {
	counters, err := s.Warehouse(ctx)
	if err != nil {
		return Traffic{}, err
	}
	t, err := counters.SiteTraffic(ctx, uint64(site.ID), append([]string{site.Domain}, site.Settings.FormerDomains...),
		time.Now())
	return Traffic{
		LastEvent: t.LastEvent, EventsPerMinute: t.PerMinute, Stored24h: t.Buffered, Dropped24h: t.Dropped,
	}, err
}

// AllTraffic returns what the writers have counted for all sites in the last 24 hours.
func (s *Sites) AllTraffic(ctx context.Context) (AllTraffic, error) {
	counters, err := s.Warehouse(ctx)
	if err != nil {
		return AllTraffic{}, err
	}
	t, err := counters.AllTraffic(ctx, time.Now())
	all := AllTraffic{
		EventsPerMinute: t.PerMinute, Stored24h: t.Buffered, Dropped24h: t.Dropped, Hours: make([]TrafficHour, len(t.Hours)),
	}
	for i, h := range t.Hours {
		all.Hours[i] = TrafficHour{From: h.From, Stored: h.Buffered, Dropped: h.Dropped}
	}
	return all, err
}

// Writers returns how far the writers of the event log are, over all sites.
func (s *Sites) Writers(ctx context.Context) (Writers, error) {
	p, err := s.Store.WriterProgress(ctx)
	return Writers{
		Partitions: p.Partitions, Open: p.Open, WrittenAt: p.WrittenAt, OpenSince: p.OpenSince, Rejected: p.Poisoned,
		Log: []LogPartition{},
	}, err
}
