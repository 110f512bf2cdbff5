package record

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sluicehq/sluice/ingest/internal/wire"
)

// Numbers of the fields. They are the format: never change one.
const (
	fieldEvent   = 1
	fieldCounter = 2
)

const (
	eventSiteID = iota + 1
	eventDomain
	eventUserID
	eventPreviousUserID
	eventTimestamp
	eventName
	eventHostname
	eventPathname
	eventPassive
	eventProp
	eventScrollDepth
	eventEngagementTime
	eventRevenue
	eventTrackerVersion
	eventAttributes
	eventDay
)

const (
	pairFirst = iota + 1
	pairSecond
)

const (
	revenueSourceAmount = iota + 1
	revenueSourceCurrency
	revenueReportingAmount
	revenueReportingCurrency
)

const (
	counterBucket = iota + 1
	counterDomain
	counterSiteID
	counterMetric
	counterValue
	counterTrackerVersion
)

// attributesCity is the only number among the attributes; texts has the others.
const attributesCity = 100

// texts returns the texts of the attributes. The number of a field is its index plus one:
// append only.
func (a *Attributes) texts() [17]*string {
	return [17]*string{
		&a.Referrer, &a.ReferrerSource, &a.UTMMedium, &a.UTMSource, &a.UTMCampaign, &a.UTMContent, &a.UTMTerm,
		&a.ClickIDParam, &a.AcquisitionChannel, &a.CountryCode, &a.Subdivision1Code, &a.Subdivision2Code, &a.ScreenSize,
		&a.OperatingSystem, &a.OperatingSystemVersion, &a.Browser, &a.BrowserVersion,
	}
}

// Append appends the encoding of a record to b.
func Append(b []byte, r Record) []byte {
	if r.Event != nil {
		b = wire.AppendMessage(b, fieldEvent, func(b []byte) []byte { return appendEvent(b, r.Event) })
	}
	if r.Counter != nil {
		b = wire.AppendMessage(b, fieldCounter, func(b []byte) []byte { return appendCounter(b, r.Counter) })
	}
	return b
}

func appendEvent(b []byte, e *Event) []byte {
	b = wire.AppendFixed(b, eventSiteID, e.SiteID)
	b = wire.AppendText(b, eventDomain, e.Domain)
	b = wire.AppendFixed(b, eventUserID, e.UserID)
	b = wire.AppendFixed(b, eventPreviousUserID, e.PreviousUserID)
	b = wire.AppendSigned(b, eventTimestamp, e.Timestamp)
	b = wire.AppendText(b, eventName, e.Name)
	b = wire.AppendText(b, eventHostname, e.Hostname)
	b = wire.AppendText(b, eventPathname, e.Pathname)
	// The field says the opposite, because most events are interactive and zero costs nothing.
	b = wire.AppendNumber(b, eventPassive, protowire.EncodeBool(!e.Interactive))
	for _, p := range e.Props {
		b = wire.AppendMessage(b, eventProp, func(b []byte) []byte { return AppendProp(b, p) })
	}
	// Missing is stored as zero, for the same reason.
	b = wire.AppendNumber(b, eventScrollDepth, uint64(Missing-e.ScrollDepth))
	b = wire.AppendNumber(b, eventEngagementTime, uint64(e.EngagementTime))
	if r := e.Revenue; r != nil {
		b = wire.AppendMessage(b, eventRevenue, func(b []byte) []byte {
			b = wire.AppendSigned(b, revenueSourceAmount, r.SourceAmount)
			b = wire.AppendText(b, revenueSourceCurrency, r.SourceCurrency)
			b = wire.AppendSigned(b, revenueReportingAmount, r.ReportingAmount)
			return wire.AppendText(b, revenueReportingCurrency, r.ReportingCurrency)
		})
	}
	b = wire.AppendNumber(b, eventTrackerVersion, uint64(e.TrackerVersion))
	if e.Attributes != (Attributes{}) {
		b = wire.AppendMessage(b, eventAttributes, func(b []byte) []byte { return AppendAttributes(b, &e.Attributes) })
	}
	return wire.AppendNumber(b, eventDay, uint64(e.Day))
}

// AppendAttributes appends the encoding of attributes to b. Sessions use it for their state.
func AppendAttributes(b []byte, a *Attributes) []byte {
	for i, text := range a.texts() {
		b = wire.AppendText(b, protowire.Number(i+1), *text)
	}
	return wire.AppendNumber(b, attributesCity, uint64(a.CityGeonameID))
}

func appendCounter(b []byte, c *Counter) []byte {
	b = wire.AppendSigned(b, counterBucket, c.Bucket)
	b = wire.AppendText(b, counterDomain, c.Domain)
	b = wire.AppendNumber(b, counterSiteID, c.SiteID)
	b = wire.AppendText(b, counterMetric, c.Metric)
	b = wire.AppendNumber(b, counterValue, c.Value)
	return wire.AppendNumber(b, counterTrackerVersion, uint64(c.TrackerVersion))
}

// AppendProp appends the encoding of a custom property to b.
func AppendProp(b []byte, p Prop) []byte {
	return wire.AppendText(wire.AppendText(b, pairFirst, p.Key), pairSecond, p.Value)
}
