package record

import "google.golang.org/protobuf/encoding/protowire"

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
		b = appendMessage(b, fieldEvent, func(b []byte) []byte { return appendEvent(b, r.Event) })
	}
	if r.Counter != nil {
		b = appendMessage(b, fieldCounter, func(b []byte) []byte { return appendCounter(b, r.Counter) })
	}
	return b
}

func appendEvent(b []byte, e *Event) []byte {
	b = appendFixed(b, eventSiteID, e.SiteID)
	b = appendText(b, eventDomain, e.Domain)
	b = appendFixed(b, eventUserID, e.UserID)
	b = appendFixed(b, eventPreviousUserID, e.PreviousUserID)
	b = appendSigned(b, eventTimestamp, e.Timestamp)
	b = appendText(b, eventName, e.Name)
	b = appendText(b, eventHostname, e.Hostname)
	b = appendText(b, eventPathname, e.Pathname)
	// The field says the opposite, because most events are interactive and zero costs nothing.
	b = appendNumber(b, eventPassive, protowire.EncodeBool(!e.Interactive))
	for _, p := range e.Props {
		b = appendMessage(b, eventProp, func(b []byte) []byte {
			return appendText(appendText(b, pairFirst, p.Key), pairSecond, p.Value)
		})
	}
	// Missing is stored as zero, for the same reason.
	b = appendNumber(b, eventScrollDepth, uint64(Missing-e.ScrollDepth))
	b = appendNumber(b, eventEngagementTime, uint64(e.EngagementTime))
	if r := e.Revenue; r != nil {
		b = appendMessage(b, eventRevenue, func(b []byte) []byte {
			b = appendSigned(b, revenueSourceAmount, r.SourceAmount)
			b = appendText(b, revenueSourceCurrency, r.SourceCurrency)
			b = appendSigned(b, revenueReportingAmount, r.ReportingAmount)
			return appendText(b, revenueReportingCurrency, r.ReportingCurrency)
		})
	}
	b = appendNumber(b, eventTrackerVersion, uint64(e.TrackerVersion))
	if e.Attributes != (Attributes{}) {
		b = appendMessage(b, eventAttributes, func(b []byte) []byte { return AppendAttributes(b, &e.Attributes) })
	}
	return b
}

// AppendAttributes appends the encoding of attributes to b. Sessions use it for their state.
func AppendAttributes(b []byte, a *Attributes) []byte {
	for i, text := range a.texts() {
		b = appendText(b, protowire.Number(i+1), *text)
	}
	return appendNumber(b, attributesCity, uint64(a.CityGeonameID))
}

func appendCounter(b []byte, c *Counter) []byte {
	b = appendSigned(b, counterBucket, c.Bucket)
	b = appendText(b, counterDomain, c.Domain)
	b = appendNumber(b, counterSiteID, c.SiteID)
	b = appendText(b, counterMetric, c.Metric)
	b = appendNumber(b, counterValue, c.Value)
	return appendNumber(b, counterTrackerVersion, uint64(c.TrackerVersion))
}

// appendMessage appends a nested message. Most are below 128 bytes or events; the bytes are
// moved once the length is known, which costs less than encoding twice.
func appendMessage(b []byte, num protowire.Number, fill func([]byte) []byte) []byte {
	b = protowire.AppendTag(b, num, protowire.BytesType)
	start := len(b)
	b = fill(append(b, 0))
	n := len(b) - start - 1
	for range protowire.SizeVarint(uint64(n)) - 1 {
		b = append(b, 0)
	}
	size := protowire.SizeVarint(uint64(n))
	copy(b[start+size:], b[start+1:start+1+n])
	protowire.AppendVarint(b[start:start], uint64(n))
	return b
}

func appendText(b []byte, num protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), s)
}

func appendNumber(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), v)
}

func appendSigned(b []byte, num protowire.Number, v int64) []byte {
	return appendNumber(b, num, protowire.EncodeZigZag(v))
}

// appendFixed appends a number that is uniformly distributed, as hashes are.
func appendFixed(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendFixed64(protowire.AppendTag(b, num, protowire.Fixed64Type), v)
}
