package ingesting

import (
	"context"
	"errors"
	"sync"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/ingest/writer"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
	"github.com/sluicehq/sluice/warehouse"
)

// SiteCopies are the copies of sites in the warehouse, as *warehouse.Warehouse has them.
type SiteCopies interface {
	Sites(ctx context.Context) ([]warehouse.Site, error)
	PutSites(ctx context.Context, sites []warehouse.Site) error
}

// History is a warehouse for the writer that makes the first native day of a site known before the
// first event of the day is inserted: first in PostgreSQL, where imports end before it, then in the
// warehouse, whose views serve imported rows before it only. So no query sees native and imported
// rows of one day, whatever is killed in between. It is safe for concurrent use.
type History struct {
	writer.Warehouse
	store  *ingeststore.Store
	copies SiteCopies

	mu sync.Mutex
	// noted are the days from which on nothing is to be done, by site.
	noted map[uint64]calendar.Day
}

var _ writer.Warehouse = (*History)(nil)

// NewHistory returns a warehouse that inserts into another one. Every argument is required.
func NewHistory(into writer.Warehouse, s *ingeststore.Store, copies SiteCopies) (*History, error) {
	if into == nil || s == nil || copies == nil {
		return nil, errors.New("new history: warehouse, store and copies are required")
	}
	return &History{Warehouse: into, store: s, copies: copies, noted: map[uint64]calendar.Day{}}, nil
}

// Insert notes the earliest days of the rows' sites, then inserts the rows.
func (h *History) Insert(ctx context.Context, key writer.Key, rows writer.Rows) error {
	if err := h.note(ctx, h.unknown(rows.Events)); err != nil {
		return err
	}
	return h.Warehouse.Insert(ctx, key, rows)
}

// unknown returns the earliest day of each site's events, if it is earlier than what is noted.
func (h *History) unknown(events []writer.Event) map[int64]calendar.Day {
	h.mu.Lock()
	defer h.mu.Unlock()
	days := map[int64]calendar.Day{}
	for i := range events {
		site, day := events[i].SiteID, events[i].LocalDay()
		if noted, ok := h.noted[site]; ok && noted <= day {
			continue
		}
		if earliest, ok := days[int64(site)]; !ok || day < earliest {
			days[int64(site)] = day
		}
	}
	return days
}

func (h *History) note(ctx context.Context, days map[int64]calendar.Day) error {
	if len(days) == 0 {
		return nil
	}
	sites, err := h.store.NoteFirstEvents(ctx, days)
	if err != nil {
		return err
	}
	if err := h.copies.PutSites(ctx, copiesOf(sites)); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, site := range sites {
		h.noted[uint64(site.ID)] = *site.FirstEvent
	}
	return nil
}

// CopySites brings the warehouse's copies of sites up to date. It returns how many were not.
func CopySites(ctx context.Context, s *ingeststore.Store, copies SiteCopies) (int, error) {
	// The store first: what changes meanwhile has a higher version.
	sites, err := s.HistorySites(ctx)
	if err != nil {
		return 0, err
	}
	copied, err := copies.Sites(ctx)
	if err != nil {
		return 0, err
	}
	versions := make(map[uint64]uint64, len(copied))
	for _, c := range copied {
		versions[c.ID] = c.Version
	}
	var stale []ingeststore.HistorySite
	for _, site := range sites {
		if versions[uint64(site.ID)] < uint64(site.Version) {
			stale = append(stale, site)
		}
	}
	return len(stale), copies.PutSites(ctx, copiesOf(stale))
}

func copiesOf(sites []ingeststore.HistorySite) []warehouse.Site {
	all := make([]warehouse.Site, len(sites))
	for i, s := range sites {
		all[i] = warehouse.Site{
			ID: uint64(s.ID), Domain: s.Domain, NativeStart: s.NativeStart, Version: uint64(s.Version),
		}
	}
	return all
}
