package writer

import (
	"errors"
	"fmt"
	"math"

	"github.com/sluicehq/sluice/ingest/eventlog/record"
)

// checkEvent refuses an event that the warehouse would refuse, or change silently: there it
// would fail all events of its range.
func checkEvent(e *record.Event) error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(e.SiteID != 0, "no site_id")
	check(e.UserID != 0, "no user_id")
	check(e.Name != "", "no name")
	checkTime(check, "timestamp", e.Timestamp)
	// A time zone is less than a day away from UTC.
	away := e.LocalDay() - record.UTCDay(e.Timestamp)
	check(-1 <= away && away <= 1, "day %s: want at most one day from %s", e.LocalDay(), record.UTCDay(e.Timestamp))
	checkFixed(check, "country_code", e.Attributes.CountryCode, 2)
	if r := e.Revenue; r != nil {
		checkFixed(check, "revenue_source_currency", r.SourceCurrency, 3)
		checkFixed(check, "revenue_reporting_currency", r.ReportingCurrency, 3)
		checkAmount(check, "revenue_source_amount", r.SourceAmount)
		checkAmount(check, "revenue_reporting_amount", r.ReportingAmount)
	}
	return errors.Join(faults...)
}

func checkCounter(c *record.Counter) error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(c.Metric != "", "no metric")
	checkTime(check, "event_timebucket", c.Bucket)
	return errors.Join(faults...)
}

type checker func(ok bool, format string, args ...any)

// checkTime refuses what is no DateTime.
func checkTime(check checker, name string, seconds int64) {
	check(seconds >= 0 && seconds <= math.MaxUint32, "%s %d: want seconds from 1970 to 2106", name, seconds)
}

// checkFixed refuses what a FixedString would refuse.
func checkFixed(check checker, name, value string, length int) {
	check(value == "" || len(value) == length, "%s %q: want %d bytes", name, value[:min(len(value), 10)], length)
}

// checkAmount refuses what is no Decimal(18, 3), in thousandths.
func checkAmount(check checker, name string, thousandths int64) {
	const limit = 1_000_000_000_000_000_000
	check(thousandths > -limit && thousandths < limit, "%s of %d thousandths: want less than %d", name, thousandths,
		int64(limit))
}
