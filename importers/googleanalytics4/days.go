package googleanalytics4

import (
	"cmp"
	"context"
	"fmt"
	"time"

	analyticsdata "google.golang.org/api/analyticsdata/v1beta"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
)

// found is what the API reports about the property.
type found struct {
	// days is the range from the first to the last day with data.
	days calendar.Range
	// timeZone is the IANA name of the property's time zone.
	timeZone string
}

// findDays requests the first and the last day with data within the range of the arguments.
func (c *client) findDays(ctx context.Context, args Args, feedback importers.Feedback) (found, error) {
	if err := args.notBeforeItsTime(c.cfg.Now()); err != nil {
		return found{}, err
	}
	start, end := earliest, "yesterday" // in the property's own time zone
	if args.StartDate != nil {
		start = args.StartDate.String()
	}
	if args.EndDate != nil {
		end = args.EndDate.String()
	}
	var f found
	for _, edge := range []struct {
		last bool
		day  *calendar.Day
	}{{false, &f.days.First}, {true, &f.days.Last}} {
		answer, warnings, err := c.run(ctx, &analyticsdata.RunReportRequest{
			DateRanges: []*analyticsdata.DateRange{{StartDate: start, EndDate: end}},
			Dimensions: []*analyticsdata.Dimension{{Name: "date"}},
			// Days on which both are 0 have no rows.
			Metrics:  []*analyticsdata.Metric{{Name: "sessions"}, {Name: "screenPageViews"}},
			OrderBys: []*analyticsdata.OrderBy{orderBy("date", edge.last)},
			Limit:    edgeRows, ReturnPropertyQuota: true,
		})
		if err != nil {
			return found{}, fmt.Errorf("find the days of %s: %w", args.Property, err)
		}
		if err := warn(ctx, feedback, warnings...); err != nil {
			return found{}, err
		}
		switch {
		case len(answer.DimensionHeaders) != 1:
			// A valid response has the columns even without rows: this one is not from the API.
			return found{}, fmt.Errorf("find the days of %s: google's response has no date column", args.Property)
		case len(answer.Rows) == 0 && answer.RowCount > 0:
			return found{}, fmt.Errorf("find the days of %s: google announces %d rows and sends none",
				args.Property, answer.RowCount)
		}
		day, ok := firstDate(answer.Rows)
		if !ok {
			return found{}, importers.Permanent(importers.ClassNoDays, fmt.Errorf(
				"no data found in %s from %s to %s: nothing to import", args.Property, start, end))
		}
		*edge.day = day
		f.timeZone = cmp.Or(f.timeZone, answer.Metadata.TimeZone)
	}
	if err := f.days.Validate(); err != nil {
		return found{}, fmt.Errorf("the days of %s changed during the search: %w", args.Property, err)
	}
	return f, nil
}

// eastmost is the time zone in which a day begins first.
var eastmost = time.FixedZone("UTC+14", 14*60*60)

// notBeforeItsTime rejects days that have not begun in any time zone. The property's time zone is
// not known yet.
func (a Args) notBeforeItsTime(now time.Time) error {
	if a.StartDate == nil {
		return nil
	}
	today := dayIn(now, eastmost)
	switch {
	case *a.StartDate > today:
		return importers.Permanent(importers.ClassInput, fmt.Errorf(
			`argument "start_date": %s is in the future: want a day that has data`, *a.StartDate))
	case a.EndDate == nil && *a.StartDate == today:
		return importers.Permanent(importers.ClassInput, fmt.Errorf(
			`argument "start_date": %s has not ended, and imports end with yesterday: want an earlier day, or set "end_date"`,
			*a.StartDate))
	}
	return nil
}

// edgeRows is the number of requested rows to find one with a date; "(other)" is no date.
const edgeRows = 3

func firstDate(rows []row) (calendar.Day, bool) {
	for _, r := range rows {
		if len(r.DimensionValues) == 0 {
			continue
		}
		if day, ok := parseDate(r.DimensionValues[0].Value); ok {
			return day, true
		}
	}
	return 0, false
}

func dayIn(t time.Time, zone *time.Location) calendar.Day { return calendar.DayOf(t.In(zone)) }

// warn writes warnings to the feedback.
func warn(ctx context.Context, feedback importers.Feedback, warnings ...string) error {
	for _, w := range warnings {
		if err := feedback.Warn(ctx, w); err != nil {
			return fmt.Errorf("write feedback: %w", err)
		}
	}
	return nil
}
