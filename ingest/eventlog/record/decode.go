package record

import (
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/ingest/internal/wire"
)

// ErrUnknownKind means a record that is neither an event nor a counter. A newer program has
// written it.
var ErrUnknownKind = errors.New("unknown kind of record: want an event or a counter; a newer version wrote it")

// Decode decodes a record. The result shares no memory with data.
func Decode(data []byte) (Record, error) {
	var r Record
	// All texts of the record are parts of this one.
	err := wire.Fields(data, func(v wire.Value) error {
		switch v.Num {
		case fieldEvent:
			// A record without the field is from a time when it did not exist.
			r.Event = &Event{Interactive: true, ScrollDepth: Missing}
			return wire.Within("event", v, func(v wire.Value) error { return r.Event.set(v) })
		case fieldCounter:
			r.Counter = &Counter{}
			return wire.Within("counter", v, func(v wire.Value) error { return r.Counter.set(v) })
		}
		return nil
	})
	switch {
	case err != nil:
		return Record{}, fmt.Errorf("decode record: %w", err)
	case (r.Event == nil) == (r.Counter == nil):
		return Record{}, ErrUnknownKind
	}
	return r, nil
}

// DecodeAttributes decodes what AppendAttributes has encoded.
func DecodeAttributes(data []byte) (Attributes, error) {
	var a Attributes
	err := wire.Fields(data, a.set)
	return a, err
}

func (e *Event) set(v wire.Value) (err error) {
	switch v.Num {
	case eventSiteID:
		e.SiteID = v.Number
	case eventDomain:
		e.Domain = v.Text
	case eventUserID:
		e.UserID = v.Number
	case eventPreviousUserID:
		e.PreviousUserID = v.Number
	case eventTimestamp:
		e.Timestamp = v.Signed()
	case eventName:
		e.Name = v.Text
	case eventHostname:
		e.Hostname = v.Text
	case eventPathname:
		e.Pathname = v.Text
	case eventPassive:
		e.Interactive = v.Number == 0
	case eventProp:
		var p Prop
		err = wire.Within("prop", v, p.set)
		e.Props = append(e.Props, p)
	case eventScrollDepth:
		if v.Number > Missing {
			return fmt.Errorf("scroll depth %d: want 0 to %d", v.Number, Missing)
		}
		e.ScrollDepth = Missing - uint8(v.Number)
	case eventEngagementTime:
		err = wire.Narrow(&e.EngagementTime, "engagement time", v)
	case eventRevenue:
		e.Revenue = &Revenue{}
		err = wire.Within("revenue", v, e.Revenue.set)
	case eventTrackerVersion:
		err = wire.Narrow(&e.TrackerVersion, "tracker version", v)
	case eventAttributes:
		err = wire.Within("attributes", v, e.Attributes.set)
	case eventDay:
		e.Day, err = day(v)
	}
	return err
}

// day reads a day that the warehouse can hold.
func day(v wire.Value) (calendar.Day, error) {
	if v.Number > uint64(calendar.MaxDay) {
		return 0, fmt.Errorf("day %d: want 0 to %d", v.Number, calendar.MaxDay)
	}
	return calendar.Day(v.Number), nil
}

func (a *Attributes) set(v wire.Value) error {
	texts := a.texts()
	if v.Num == attributesCity {
		return wire.Narrow(&a.CityGeonameID, "city", v)
	}
	if i := int(v.Num) - 1; i < len(texts) {
		*texts[i] = v.Text
	}
	return nil
}

// DecodeProp decodes what AppendProp has encoded.
func DecodeProp(data []byte) (Prop, error) {
	var p Prop
	err := wire.Fields(data, p.set)
	return p, err
}

func (p *Prop) set(v wire.Value) error {
	switch v.Num {
	case pairFirst:
		p.Key = v.Text
	case pairSecond:
		p.Value = v.Text
	}
	return nil
}

func (r *Revenue) set(v wire.Value) error {
	switch v.Num {
	case revenueSourceAmount:
		r.SourceAmount = v.Signed()
	case revenueSourceCurrency:
		r.SourceCurrency = v.Text
	case revenueReportingAmount:
		r.ReportingAmount = v.Signed()
	case revenueReportingCurrency:
		r.ReportingCurrency = v.Text
	}
	return nil
}

func (c *Counter) set(v wire.Value) error {
	switch v.Num {
	case counterBucket:
		c.Bucket = v.Signed()
	case counterDomain:
		c.Domain = v.Text
	case counterSiteID:
		c.SiteID = v.Number
	case counterMetric:
		c.Metric = v.Text
	case counterValue:
		c.Value = v.Number
	case counterTrackerVersion:
		return wire.Narrow(&c.TrackerVersion, "tracker version", v)
	}
	return nil
}
