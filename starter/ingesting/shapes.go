package ingesting

import (
	"net/netip"
	"time"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/internal/convert"
	importstore "github.com/sluicehq/sluice/store/importing"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// ListedSite is a site in lists: the JSON of the command line and of the API. Fields are only ever added.
type ListedSite struct {
	ID          int64         `json:"id"`
	Domain      string        `json:"domain"`
	TimeZone    string        `json:"timezone"`
	NativeStart *calendar.Day `json:"native_start" nullable:"true"`
	Contacts    []string      `json:"contacts"`
	CreatedAt   time.Time     `json:"created_at"`
}

// ListedSiteOf returns a site in lists.
func ListedSiteOf(s importstore.Site) ListedSite {
	return ListedSite{
		ID: s.ID, Domain: s.Domain, TimeZone: s.TimeZone, NativeStart: importstore.NativeStart(s), Contacts: s.Contacts,
		CreatedAt: s.CreatedAt,
	}
}

// Site is a site with its settings for the ingestion. Fields are only ever added.
type Site struct {
	ID          int64         `json:"id"`
	Domain      string        `json:"domain"`
	TimeZone    string        `json:"timezone"`
	NativeStart *calendar.Day `json:"native_start" nullable:"true"`
	Blocked     bool          `json:"blocked"`
	// RateLimit is EVENTS/DURATION in seconds, such as 600/60s; null is no limit.
	RateLimit     *string       `json:"rate_limit"`
	AcceptUntil   *calendar.Day `json:"accept_until" nullable:"true"`
	FormerDomains []string      `json:"former_domains"`
	// Goals are the names of goals with their currencies, "" for none.
	Goals map[string]string `json:"goals"`
	// Props are the properties that are stored; null stands for all.
	Props           []string `json:"props"`
	AllowedNetworks []string `json:"allowed_networks"`
	Shields         Shields  `json:"shields"`
}

// Shields are the rules of a site that drop events.
type Shields struct {
	IPs       []string `json:"ips"`
	Countries []string `json:"countries"`
	Pages     []string `json:"pages"`
	// Hostnames are the only hosts whose events are taken, if there are any.
	Hostnames []string `json:"hostnames"`
}

// Traffic is what the writers have counted for a site.
type Traffic struct {
	LastEvent *time.Time `json:"last_event"`
	// EventsPerMinute is the mean of the last 5 minutes.
	EventsPerMinute float64 `json:"events_per_minute"`
	Stored24h       uint64  `json:"stored_24h"`
	// Dropped24h are the numbers of dropped events by reason.
	Dropped24h map[string]uint64 `json:"dropped_24h"`
}

// Writers is how far the writers of the event log are, over all partitions.
type Writers struct {
	// Partitions is 0 if no event log is registered.
	Partitions int64 `json:"partitions"`
	// Open is how many partitions have a range that is being written, OpenSince since when the oldest of them had no
	// progress.
	Open int64 `json:"open"`
	// WrittenAt is the last progress.
	WrittenAt *time.Time `json:"written_at"`
	OpenSince *time.Time `json:"open_since"`
	// Rejected is how many records could not be written.
	Rejected int64 `json:"rejected"`
	// Log are the partitions of the event log; empty if the log is not at hand.
	Log []LogPartition `json:"log"`
}

// AllTraffic is what the writers have counted for all sites. Fields are only ever added.
type AllTraffic struct {
	// EventsPerMinute is the mean of the last 5 minutes.
	EventsPerMinute float64 `json:"events_per_minute"`
	Stored24h       uint64  `json:"stored_24h"`
	// Dropped24h are the numbers of dropped events by reason.
	Dropped24h map[string]uint64 `json:"dropped_24h"`
	// Hours are the last 24 hours, the first one in part, in their order.
	Hours []TrafficHour `json:"hours"`
}

// TrafficHour is what the writers have counted for the events of an hour.
type TrafficHour struct {
	From    time.Time `json:"from"`
	Stored  uint64    `json:"stored"`
	Dropped uint64    `json:"dropped"`
}

// SiteOf returns a site with its settings.
func SiteOf(site ingeststore.Site) Site {
	c := site.Settings
	s := Site{
		ID: site.ID, Domain: site.Domain, TimeZone: site.TimeZone, NativeStart: site.NativeStart, Blocked: c.Blocked,
		AcceptUntil: c.AcceptUntil, FormerDomains: noNil(c.FormerDomains), Goals: c.Goals, Props: c.Props,
		AllowedNetworks: texts(c.AllowedNetworks), Shields: ShieldsOf(site),
	}
	if s.Goals == nil {
		s.Goals = map[string]string{}
	}
	if c.RateLimit != nil {
		s.RateLimit = new(ingest.RateLimit{Events: int(c.RateLimit.Events), Window: c.RateLimit.Window}.String())
	}
	return s
}

// ShieldsOf returns the shields of a site.
func ShieldsOf(site ingeststore.Site) Shields {
	c := site.Settings
	return Shields{
		IPs: texts(c.ShieldIPs), Countries: noNil(c.ShieldCountries), Pages: noNil(c.ShieldPages),
		Hostnames: noNil(c.ShieldHostnames),
	}
}

// noNil returns an empty list for nil, which would be null.
func noNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func texts(networks []netip.Prefix) []string {
	return convert.Slice(networks, netip.Prefix.String)
}
