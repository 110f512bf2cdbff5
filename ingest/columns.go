package ingest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/sluicehq/sluice/ingest/request"
)

// Column is a column of the table events with the value that an event has there.
type Column struct {
	// Name is the column's. "meta" stands for meta.key and meta.value.
	Name string
	// Value is a text, a number, a time, a calendar.Day, or []request.Prop for meta. It is nil where the column is
	// null, or would be empty or 0.
	Value any
}

// Columns returns the columns of an event as they would be stored, as far as they are known, in a fixed order. Those
// that identify the visitor or the session are left out.
func (e *Event) Columns() []Column {
	a, s := &e.EventAttributes, &e.SessionAttributes
	reportingCurrency := a.RevenueReportingCurrency
	if a.RevenueReportingAmount == nil {
		// A record of the log has none without an amount.
		reportingCurrency = ""
	}
	columns := []Column{
		{"timestamp", a.Timestamp},
		{"day", a.Day},
		{"name", a.Name},
		{"site_id", a.SiteID},
		{"hostname", a.Hostname},
		{"pathname", a.Pathname},
		{"meta", props(a)},
		{"scroll_depth", a.ScrollDepth},
		{"engagement_time", a.EngagementTime},
		{"revenue_source_amount", amount(a.RevenueSourceAmount)},
		{"revenue_source_currency", a.RevenueSourceCurrency},
		{"revenue_reporting_amount", amount(a.RevenueReportingAmount)},
		{"revenue_reporting_currency", reportingCurrency},
		{"referrer", s.Referrer},
		{"referrer_source", s.ReferrerSource},
		{"utm_medium", s.UTMMedium},
		{"utm_source", s.UTMSource},
		{"utm_campaign", s.UTMCampaign},
		{"utm_content", s.UTMContent},
		{"utm_term", s.UTMTerm},
		{"click_id_param", s.ClickIDParam},
		{"acquisition_channel", s.AcquisitionChannel},
		{"country_code", s.CountryCode},
		{"subdivision1_code", s.Subdivision1Code},
		{"subdivision2_code", s.Subdivision2Code},
		{"city_geoname_id", s.CityGeonameID},
		{"screen_size", s.ScreenSize},
		{"operating_system", s.OperatingSystem},
		{"operating_system_version", s.OperatingSystemVersion},
		{"browser", s.Browser},
		{"browser_version", s.BrowserVersion},
	}
	if a.Timestamp.IsZero() {
		// The steps before basic info know neither.
		columns[0].Value, columns[1].Value = nil, nil
	}
	for i := range columns {
		switch columns[i].Value {
		case "", uint64(0), uint32(0):
			columns[i].Value = nil
		}
	}
	return columns
}

func props(a *EventAttributes) any {
	if len(a.MetaKey) == 0 {
		return nil
	}
	list := make([]request.Prop, len(a.MetaKey))
	for i, key := range a.MetaKey {
		list[i] = request.Prop{Key: key, Value: a.MetaValue[i]}
	}
	return list
}

func amount(d *decimal.Decimal) any {
	if d == nil {
		return nil
	}
	return d.String()
}

// Text returns the value for people, "" if there is none.
func (c Column) Text() string {
	switch v := c.Value.(type) {
	case nil:
		return ""
	case time.Time:
		return v.Format(time.RFC3339)
	case []request.Prop:
		list := make([]string, len(v))
		for i, p := range v {
			list[i] = p.Key + "=" + p.Value
		}
		return strings.Join(list, ", ")
	default:
		return fmt.Sprint(v)
	}
}

// MarshalJSON returns the value for programs: meta is an object.
func (c Column) MarshalJSON() ([]byte, error) {
	list, ok := c.Value.([]request.Prop)
	if !ok {
		return json.Marshal(c.Value)
	}
	object := make(map[string]string, len(list))
	for _, p := range list {
		object[p.Key] = p.Value
	}
	return json.Marshal(object)
}
