package ingesting

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/store/internal/db"
)

// HistorySite is what the warehouse has of a site. NativeStart is the first day that native data
// serve: as an operator has set it, otherwise FirstEvent, the earliest local day of its events; nil
// before the first event. Version is raised by each change of the site.
type HistorySite = db.HistorySitesRow

// HistorySites returns all sites by number.
func (s *Store) HistorySites(ctx context.Context) ([]HistorySite, error) {
	sites, err := s.sql.Queries.HistorySites(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("read sites: %w", err)
	}
	return sites, nil
}

// NoteFirstEvents notes that sites have events of these days, and returns the sites as they are
// then. Only a day that is earlier than the one that is noted changes anything, so that the order of
// calls does not matter. Sites that do not exist are left out.
func (s *Store) NoteFirstEvents(ctx context.Context, days map[int64]calendar.Day) ([]HistorySite, error) {
	// In their order, so that two calls do not wait for each other.
	ids := slices.Sorted(maps.Keys(days))
	var sites []HistorySite
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		known, err := q.HistorySites(ctx, ids)
		if err != nil {
			return err
		}
		for _, site := range known {
			if day := days[site.ID]; site.FirstEvent == nil || day < *site.FirstEvent {
				if _, err := q.NoteFirstEvent(ctx, &day, site.ID); err != nil {
					return err
				}
			}
		}
		sites, err = q.HistorySites(ctx, ids)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("note the first events of %d sites: %w", len(days), err)
	}
	return sites, nil
}
