package writer

import (
	"errors"
	"fmt"
	"math"

	"github.com/sluicehq/sluice/ingest/eventlog/record"
)

// recordFaults collects what is wrong with a record. Most have none: nothing is evaluated for them.
type recordFaults []error

func (f *recordFaults) add(format string, args ...any) { *f = append(*f, fmt.Errorf(format, args...)) }

// checkEvent refuses an event that the warehouse would refuse, or change silently: there it
// would fail all events of its range.
func checkEvent(e *record.Event) error {
	var f recordFaults
	if e.SiteID == 0 {
		f.add("no site_id")
	}
	if e.UserID == 0 {
		f.add("no user_id")
	}
	if e.Name == "" {
		f.add("no name")
	}
	f.time("timestamp", e.Timestamp)
	// A time zone is less than a day away from UTC.
	if away := e.LocalDay() - record.UTCDay(e.Timestamp); away < -1 || away > 1 {
		f.add("day %s: want at most one day from %s", e.LocalDay(), record.UTCDay(e.Timestamp))
	}
	f.fixed("country_code", e.Attributes.CountryCode, 2)
	if r := e.Revenue; r != nil {
		f.fixed("revenue_source_currency", r.SourceCurrency, 3)
		f.fixed("revenue_reporting_currency", r.ReportingCurrency, 3)
		f.amount("revenue_source_amount", r.SourceAmount)
		f.amount("revenue_reporting_amount", r.ReportingAmount)
	}
	return errors.Join(f...)
}

func checkCounter(c *record.Counter) error {
	var f recordFaults
	if c.Metric == "" {
		f.add("no metric")
	}
	f.time("event_timebucket", c.Bucket)
	return errors.Join(f...)
}

// time refuses what is no DateTime.
func (f *recordFaults) time(name string, seconds int64) {
	if seconds < 0 || seconds > math.MaxUint32 {
		f.add("%s %d: want seconds from 1970 to 2106", name, seconds)
	}
}

// fixed refuses what a FixedString would refuse.
func (f *recordFaults) fixed(name, value string, length int) {
	if value != "" && len(value) != length {
		f.add("%s %q: want %d bytes", name, value[:min(len(value), 10)], length)
	}
}

// amount refuses what is no Decimal(18, 3), in thousandths.
func (f *recordFaults) amount(name string, thousandths int64) {
	const limit = 1_000_000_000_000_000_000
	if thousandths <= -limit || thousandths >= limit {
		f.add("%s of %d thousandths: want less than %d", name, thousandths, int64(limit))
	}
}
