package rows

import (
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/sluicehq/sluice/ingest/eventlog/record"
	"github.com/sluicehq/sluice/ingest/session"
	"github.com/sluicehq/sluice/ingest/writer"
	"github.com/sluicehq/sluice/warehouse"
)

// attributeColumns are those of record.Attributes.
func attributeColumns() []string {
	return []string{
		"referrer", "referrer_source", "utm_medium", "utm_source", "utm_campaign", "utm_content", "utm_term",
		"click_id_param", "acquisition_channel", "country_code", "subdivision1_code", "subdivision2_code",
		"city_geoname_id", "screen_size", "operating_system", "operating_system_version", "browser", "browser_version",
	}
}

func appendAttributes(dst []any, a *record.Attributes) []any {
	return append(dst,
		a.Referrer, a.ReferrerSource, a.UTMMedium, a.UTMSource, a.UTMCampaign, a.UTMContent, a.UTMTerm,
		a.ClickIDParam, a.AcquisitionChannel, fixed(a.CountryCode, 2), a.Subdivision1Code, a.Subdivision2Code,
		a.CityGeonameID, a.ScreenSize, a.OperatingSystem, a.OperatingSystemVersion, a.Browser, a.BrowserVersion,
	)
}

func events() warehouse.LogTable {
	return warehouse.LogTable{Name: "events", Time: "timestamp", Columns: slices.Concat([]string{
		"timestamp", "day", "name", "site_id", "user_id", "session_id", "hostname", "pathname", "meta.key", "meta.value",
		"scroll_depth", "engagement_time", "revenue_source_amount", "revenue_source_currency",
		"revenue_reporting_amount", "revenue_reporting_currency", "log_partition", "log_sequence", "log_index",
	}, attributeColumns())}
}

func appendEventRow(dst []any, key writer.Key, e *writer.Event) []any {
	keys, values := split(e.Props)
	var r record.Revenue
	var source, reporting *decimal.Decimal
	if e.Revenue != nil {
		r = *e.Revenue
		source, reporting = amount(r.SourceAmount, r.SourceCurrency), amount(r.ReportingAmount, r.ReportingCurrency)
	}
	dst = append(dst,
		clock(e.Timestamp), e.LocalDay(), e.Name, e.SiteID, e.UserID, e.SessionID, e.Hostname, e.Pathname,
		keys, values,
		e.ScrollDepth, e.EngagementTime, source, fixed(r.SourceCurrency, 3), reporting, fixed(r.ReportingCurrency, 3),
		uint16(key.Partition), e.Sequence, e.Index,
	)
	return appendAttributes(dst, &e.Attributes)
}

func sessions() warehouse.LogTable {
	return warehouse.LogTable{Name: "sessions", Time: "start", Identity: "session_id", Columns: slices.Concat([]string{
		"session_id", "version", "site_id", "user_id", "start", "day", "timestamp", "hostname", "entry_page", "exit_page",
		"exit_page_hostname", "is_bounce", "pageviews", "events", "duration", "entry_meta.key", "entry_meta.value",
		"log_partition", "log_sequence",
	}, attributeColumns())}
}

func appendSessionRow(dst []any, key writer.Key, s *session.Session) []any {
	keys, values := split(s.EntryProps)
	bounce := uint8(0)
	if s.IsBounce {
		bounce = 1
	}
	dst = append(dst,
		s.ID, s.Version, s.SiteID, s.UserID, clock(s.Start), s.Day, clock(s.Timestamp), s.Hostname, s.EntryPage,
		s.ExitPage,
		s.ExitPageHostname, bounce, int32(s.Pageviews), int32(s.Events), s.Duration, keys, values,
		uint16(key.Partition), sequenceOf(s),
	)
	return appendAttributes(dst, &s.Attributes)
}

func counters() warehouse.LogTable {
	return warehouse.LogTable{Name: "ingest_counters", Time: "event_timebucket", Columns: []string{
		"event_timebucket", "domain", "site_id", "metric", "value", "tracker_script_version", "log_partition",
		"log_sequence", "log_index",
	}}
}

func appendCounterRow(dst []any, key writer.Key, c *writer.Counter) []any {
	var site *uint64
	if c.SiteID != 0 {
		site = &c.SiteID
	}
	return append(dst,
		clock(c.Bucket), c.Domain, site, c.Metric, c.Value, c.TrackerVersion, uint16(key.Partition), c.Sequence, c.Index,
	)
}

func clock(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }

// amount is a number of thousandths as decimal; nil without a currency, because it could not be
// converted.
func amount(thousandths int64, currency string) *decimal.Decimal {
	if currency == "" {
		return nil
	}
	return new(decimal.New(thousandths, -3))
}

// zeros are the value of an empty FixedString.
const zeros = warehouse.FixedString("\x00\x00\x00")

// fixed pads an empty text to the length of a FixedString: no other length is taken. It is at most that of zeros.
func fixed(s string, length int) warehouse.FixedString {
	if s == "" {
		return zeros[:length]
	}
	return warehouse.FixedString(s)
}

func split(props []record.Prop) (keys, values []string) {
	keys, values = make([]string, len(props)), make([]string, len(props))
	for i, p := range props {
		keys[i], values[i] = p.Key, p.Value
	}
	return keys, values
}
