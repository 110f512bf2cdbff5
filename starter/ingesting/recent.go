package ingesting

import (
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/calendar"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse/history"
)

// MaxRecentDays is the number of days of Recent.
const MaxRecentDays = 92

// RecentHistory is a site with its last days: the JSON of the API. Fields are only ever added.
type RecentHistory struct {
	Site        string        `json:"site"`
	TimeZone    string        `json:"timezone" doc:"IANA name of the time zone of the days of native data."`
	NativeStart *calendar.Day `json:"native_start" nullable:"true" doc:"First day that native data serve."`
	FirstDay    *calendar.Day `json:"first_day" nullable:"true" doc:"First day with data."`
	LastDay     *calendar.Day `json:"last_day" nullable:"true" doc:"Last day with data."`
	From        calendar.Day  `json:"from"`
	To          calendar.Day  `json:"to" doc:"The present day of the site's time zone."`
	Days        []RecentDay   `json:"days" doc:"Visitors by day, in order; a day without data is missing."`
}

// RecentDay is a day with data.
type RecentDay struct {
	Day      calendar.Day `json:"day"`
	Visitors uint64       `json:"visitors"`
}

// Recent lists sites by domain, each with the visitors of its last days, 1 to MaxRecentDays, up to the present one. The
// limit is at most history.MaxSites. The errors are those of List and History.
func (s *Sites) Recent(
	ctx context.Context, scope access.Scope, text, after string, limit, days int,
) ([]RecentHistory, error) {
	rows, err := s.List(ctx, scope, text, after, limit)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	opened, err := s.Warehouse(ctx)
	if err != nil {
		return nil, err
	}
	all, ids, window := make([]RecentHistory, len(rows)), make([]uint64, len(rows)), calendar.Range{First: calendar.MaxDay}
	for i, row := range rows {
		if all[i], err = recentOf(row, days); err != nil {
			return nil, err
		}
		ids[i] = uint64(row.ID)
		window = calendar.Range{First: min(window.First, all[i].From), Last: max(window.Last, all[i].To)}
	}
	reader := &history.Reader{Warehouse: opened}
	extents, err := reader.Extents(ctx, ids)
	if err != nil {
		return nil, asInvalid(err)
	}
	daily, err := reader.Daily(ctx, ids, history.MetricVisitors, window)
	if err != nil {
		return nil, asInvalid(err)
	}
	for i := range all {
		if extent, found := extents[ids[i]]; found {
			all[i].FirstDay, all[i].LastDay = &extent.First, &extent.Last
		}
		for day := all[i].From; day <= all[i].To; day++ {
			if visitors, found := daily[ids[i]][day]; found {
				all[i].Days = append(all[i].Days, RecentDay{Day: day, Visitors: visitors})
			}
		}
	}
	return all, nil
}

// recentOf returns a site with its range, without days.
func recentOf(row importstore.Site, days int) (RecentHistory, error) {
	to, err := today(row.TimeZone)
	if err != nil {
		return RecentHistory{}, fmt.Errorf("site %s: %w", row.Domain, err)
	}
	return RecentHistory{
		Site: row.Domain, TimeZone: row.TimeZone, NativeStart: importstore.NativeStart(row), From: to - calendar.Day(days-1),
		To: to, Days: []RecentDay{},
	}, nil
}

// today returns the present day of a time zone.
func today(zone string) (calendar.Day, error) {
	location, err := time.LoadLocation(zone)
	if err != nil {
		return 0, fmt.Errorf("the time zone %q: %w", zone, err)
	}
	return calendar.DayOf(time.Now().In(location)), nil
}
