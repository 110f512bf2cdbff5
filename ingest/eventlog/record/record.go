// Package record defines the records of the event log: accepted events and counts of dropped
// ones. A record holds neither an IP address nor a user agent; what is derived from them is
// complete before the record is written.
//
// The encoding is the wire format of protocol buffers. A field is never renumbered or reused.
// A program that reads a record of a newer one skips the fields that it does not know; fields
// that an older one did not write are zero.
package record

import "github.com/sluicehq/sluice/calendar"

// Missing is the scroll depth of an event that has none.
const Missing = 255

// Attributes are the columns that a session takes from its first event and passes on to all
// its later ones.
type Attributes struct {
	// Referrer is host and path, without the query.
	Referrer string
	// ReferrerSource is the name of the source, for instance "Google".
	ReferrerSource                                         string
	UTMMedium, UTMSource, UTMCampaign, UTMContent, UTMTerm string
	// ClickIDParam is the name of the click identifier, for instance "gclid".
	ClickIDParam       string
	AcquisitionChannel string
	// CountryCode is an ISO 3166-1 code of two letters, geo.AnonymousVPN, or empty.
	CountryCode                        string
	Subdivision1Code, Subdivision2Code string
	// CityGeonameID is GeoNames' number of the city; 0 is unknown.
	CityGeonameID uint32
	// ScreenSize is Mobile, Tablet, Desktop or empty.
	ScreenSize                              string
	OperatingSystem, OperatingSystemVersion string
	Browser, BrowserVersion                 string
}

// Prop is a custom property of an event.
type Prop struct{ Key, Value string }

// Revenue is the value of an event in thousandths of a unit of currency.
type Revenue struct {
	SourceAmount, ReportingAmount     int64
	SourceCurrency, ReportingCurrency string
}

// Event is an accepted event.
type Event struct {
	SiteID uint64
	// Domain is the site's domain when the event was accepted, which the counters show.
	Domain string
	// UserID and PreviousUserID are the user's hashes by the current and the previous salt;
	// 0 means that there was no previous salt.
	UserID, PreviousUserID uint64
	// Timestamp is when the event happened, in seconds since 1970.
	Timestamp int64
	// Day is the site's local day of Timestamp. The server takes it from the site's time zone
	// when it accepts the event, so that a replay gives the same day whatever the zone and its
	// rules are by then. 0 means that an earlier version wrote the record: see LocalDay.
	Day calendar.Day
	// Name is pageview, engagement or the name of a custom event.
	Name               string
	Hostname, Pathname string
	// Interactive is false for an event that does not end a bounce.
	Interactive bool
	Props       []Prop
	// ScrollDepth is in percent; Missing means none.
	ScrollDepth uint8
	// EngagementTime is in milliseconds.
	EngagementTime uint32
	Revenue        *Revenue
	TrackerVersion uint16
	Attributes     Attributes
}

// LocalDay returns Day, or the day in UTC if the record has none.
func (e *Event) LocalDay() calendar.Day {
	if e.Day == 0 {
		return UTCDay(e.Timestamp)
	}
	return e.Day
}

// UTCDay returns the day in UTC of a time in seconds since 1970. Times that the warehouse cannot
// hold give its first or last day.
func UTCDay(seconds int64) calendar.Day {
	return calendar.Day(min(max(seconds/(24*60*60), int64(calendar.MinDay)), int64(calendar.MaxDay)))
}

// Counter counts dropped events.
type Counter struct {
	// Bucket is the start of the minute that is counted, in seconds since 1970.
	Bucket int64
	Domain string
	// SiteID is 0 if the site is unknown.
	SiteID uint64
	// Metric is dropped_ and the reason of the drop.
	Metric         string
	Value          uint64
	TrackerVersion uint16
}

// Record is an event or a counter; exactly one of the two is set.
type Record struct {
	Event   *Event
	Counter *Counter
}

// Names of events that sessions treat in their own way.
const (
	NamePageview   = "pageview"
	NameEngagement = "engagement"
)
