// Package request turns the body and the headers of `POST /api/event` into a Request. It
// knows Plausible's fields, their short names and limits, and does no I/O.
//
// The format is that of https://plausible.io/docs/events-api.
package request

import (
	"net/netip"
	"time"
)

// Limits of a request. Those of upstream are marked; the others bound what upstream leaves
// open.
const (
	// MaxBody is the size of a body in bytes. Upstream's.
	MaxBody = 1_000_000
	// MaxDepth is the nesting of a JSON body.
	MaxDepth = 32
	// MaxName is the length of an event's name in characters. Upstream's.
	MaxName = 120
	// MaxURL is the length of an address in bytes. Upstream's.
	MaxURL = 2000
	// MaxReferrer is the number of characters of a referrer that are kept. Upstream's.
	MaxReferrer = 2000
	// MaxProps is the number of properties that are kept. Upstream's.
	MaxProps = 30
	// MaxPropKey is the length of a property's name in bytes. Upstream's.
	MaxPropKey = 300
	// MaxPropValue is the length of a property's value in bytes. Upstream's.
	MaxPropValue = 2000
	// MaxDomains is the number of domains of an event.
	MaxDomains = 50
	// MaxDomain is the length of a domain in bytes.
	MaxDomain = 255
	// MaxUserAgent is the number of bytes of a user agent that are kept.
	MaxUserAgent = 2000
	// MaxQuery is the number of parameters of an address that are read.
	MaxQuery = 100
	// MaxAhead is how far the time of an event may be ahead of the clock: as far as synchronised clocks differ.
	MaxAhead = 5 * time.Second
	// MaxBehind is how far it may be behind the clock. The day of a site's first event ends its imports: an
	// older event could hide years of imported data.
	MaxBehind = 7 * 24 * time.Hour
)

// Names of events with a meaning of their own.
const (
	Pageview   = "pageview"
	Engagement = "engagement"
)

// Values of fields of engagement events that are missing.
const (
	// NoScrollDepth says that an event has no scroll depth.
	NoScrollDepth uint8 = 255
	// NoEngagementTime says that an event has no engagement time.
	NoEngagementTime uint32 = 0
)

// Types of addresses that a proxy in front of Sluice has found.
const (
	IPTypeDataCentre   = "dc_ip"
	IPTypeThreat       = "threat_ip"
	IPTypeAnonymousVPN = "anonymous_vpn_ip"
)

// Request is an event as sent, valid and within the limits, for one or more domains.
type Request struct {
	// Domains are the sites that the event is for, as sent, without "www.". At least one.
	Domains []string
	// EventName is the name, "pageview" or a custom one.
	EventName string
	// URL is the page's address as sent.
	URL string
	// Scheme is the scheme of URL in lower case, or "".
	Scheme string
	// Hostname is the host of URL in lower case without "www.", or "(none)".
	Hostname string
	// Pathname is the decoded path of URL, with "#fragment" in hash mode.
	Pathname string
	// Query are the parameters of URL.
	Query Query
	// Referrer is the address of the page before, as sent, cut to MaxReferrer.
	Referrer string
	// Props are the custom properties in the order of the body.
	Props []Prop
	// Revenue is the amount of the event, or nil.
	Revenue *Revenue
	// Interactive says that the event ends a bounce.
	Interactive bool
	// ScrollDepth is a percentage of an engagement event, or NoScrollDepth.
	ScrollDepth uint8
	// EngagementTime is the time in milliseconds of an engagement event.
	EngagementTime uint32
	// TrackerVersion is the version of the tracker's script, or 0.
	TrackerVersion uint16
	// Timestamp is when the event happened, UTC in whole seconds.
	Timestamp time.Time
	// TimestampSet says that the sender has set Timestamp; otherwise it is the time of receipt.
	TimestampSet bool

	// SenderSite is the number of the only site for which the sender is authorised; 0 means any.
	SenderSite uint64

	// RemoteIP is the visitor's address, or the zero address. It is personal.
	RemoteIP netip.Addr
	// IPType is what a trusted proxy says about the address, or "".
	IPType string
	// UserAgent is the browser's header, cut to MaxUserAgent. It is personal.
	UserAgent string
}

// Prop is one custom property.
type Prop struct {
	Key, Value string
}

// Redacted returns the request without what identifies a visitor.
func (r Request) Redacted() Request {
	r.RemoteIP, r.UserAgent = netip.Addr{}, ""
	return r
}

// Query is the list of an address's parameters.
type Query []Prop

// Get returns the first value of a parameter, or "".
func (q Query) Get(key string) string {
	for _, p := range q {
		if p.Key == key {
			return p.Value
		}
	}
	return ""
}

// First returns the first of the parameters that has a value, and its name.
func (q Query) First(keys ...string) (key, value string) {
	for _, key := range keys {
		if value := q.Get(key); value != "" {
			return key, value
		}
	}
	return "", ""
}
