package history

import (
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/calendar"
)

// Extents returns the first and the last day with data of each of at most MaxSites sites; sites without data are
// missing. The errors are ErrInvalid, ErrTooLarge and those of the connection.
func (r *Reader) Extents(ctx context.Context, siteIDs []uint64) (map[uint64]calendar.Range, error) {
	if err := checkSites(siteIDs); err != nil {
		return nil, err
	}
	extents := map[uint64]calendar.Range{}
	query := statement{
		template: "SELECT site_id, min(day), max(day) FROM history_visitors\n" +
			"WHERE site_id IN {sites}\n" +
			"GROUP BY site_id",
		parameters: []parameter{numbers("sites", siteIDs)},
	}
	err := r.each(ctx, query, func(into func(...any) error) error {
		var id uint64
		var first, last time.Time
		if err := into(&id, &first, &last); err != nil {
			return err
		}
		extents[id] = calendar.Range{First: calendar.DayOf(first), Last: calendar.DayOf(last)}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the days of %d sites: %w", len(siteIDs), err)
	}
	return extents, nil
}

// Daily returns a metric of each of at most MaxSites sites by day, native and imported data together; days without data
// are missing. The errors are ErrInvalid, ErrTooLarge and those of the connection.
func (r *Reader) Daily(
	ctx context.Context, siteIDs []uint64, metric Metric, days calendar.Range,
) (map[uint64]map[calendar.Day]uint64, error) {
	for _, err := range []error{checkSites(siteIDs), oneOf("metric", metric, Metrics()), checkDays(days)} {
		if err != nil {
			return nil, err
		}
	}
	daily := map[uint64]map[calendar.Day]uint64{}
	query := statement{
		template: "SELECT site_id, day, sum(" + string(metric) + ") FROM history_visitors\n" +
			"WHERE site_id IN {sites} AND day BETWEEN {from} AND {to}\n" +
			"GROUP BY site_id, day",
		parameters: []parameter{numbers("sites", siteIDs), day("from", days.First), day("to", days.Last)},
	}
	err := r.each(ctx, query, func(into func(...any) error) error {
		var id, value uint64
		var at time.Time
		if err := into(&id, &at, &value); err != nil {
			return err
		}
		if daily[id] == nil {
			daily[id] = map[calendar.Day]uint64{}
		}
		daily[id][calendar.DayOf(at)] = value
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the %s of %d sites by day: %w", metric, len(siteIDs), err)
	}
	return daily, nil
}

func checkSites(siteIDs []uint64) error {
	if len(siteIDs) > MaxSites {
		return fmt.Errorf("%w: %d sites: want at most %d", ErrInvalid, len(siteIDs), MaxSites)
	}
	return nil
}
