package warehouse

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sluicehq/sluice/calendar"
)

// Site is what the views history_* know about a site. PostgreSQL is the system of record.
type Site struct {
	ID     uint64
	Domain string
	// NativeStart is the first day that native data serve, nil for none. Imported rows serve the
	// days before it.
	NativeStart *calendar.Day
	// Version orders the rows of a site: the highest one counts.
	Version uint64
}

// PutSites inserts sites and verifies that they arrived. It is idempotent, and a late call with an
// older version has no effect.
func (w *Warehouse) PutSites(ctx context.Context, sites []Site) error {
	if len(sites) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, w.insertTimeout)
	defer cancel()
	inserting := clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"async_insert": 0}))
	err := w.batch(inserting, "INSERT INTO sites (site_id, domain, native_start, version)",
		func(batch driver.Batch) error {
			for _, s := range sites {
				var start *time.Time
				if s.NativeStart != nil {
					start = new(s.NativeStart.Time())
				}
				if err := batch.Append(s.ID, s.Domain, start, s.Version); err != nil {
					return err
				}
			}
			return nil
		})
	if err != nil {
		return fmt.Errorf("insert into sites: %w", err)
	}
	byID := func(a, b Site) int { return cmp.Compare(a.ID, b.ID) }
	stored, err := w.sites(ctx, "WHERE site_id BETWEEN {first:UInt64} AND {last:UInt64}",
		named("first", slices.MinFunc(sites, byID).ID), named("last", slices.MaxFunc(sites, byID).ID))
	if err != nil {
		return err
	}
	versions := make(map[uint64]uint64, len(stored))
	for _, s := range stored {
		versions[s.ID] = s.Version
	}
	for _, s := range sites {
		if version, found := versions[s.ID]; !found || version < s.Version {
			return fmt.Errorf("insert site %d: %w", s.ID, errNotDone)
		}
	}
	return nil
}

// Sites returns all sites by number.
func (w *Warehouse) Sites(ctx context.Context) ([]Site, error) { return w.sites(ctx, "") }

func (w *Warehouse) sites(ctx context.Context, where string, args ...any) ([]Site, error) {
	rows, err := w.conn.Query(w.consistent(ctx),
		"SELECT site_id, domain, native_start, version FROM sites FINAL "+where+" ORDER BY site_id", args...)
	if err != nil {
		return nil, fmt.Errorf("read sites: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err returns every relevant error
	var all []Site
	for rows.Next() {
		var s Site
		var start *time.Time
		if err := rows.Scan(&s.ID, &s.Domain, &start, &s.Version); err != nil {
			return nil, fmt.Errorf("read sites: %w", err)
		}
		if start != nil {
			s.NativeStart = new(calendar.DayOf(*start))
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read sites: %w", err)
	}
	return all, nil
}
