package record

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// ErrUnknownKind means a record that is neither an event nor a counter. A newer program has
// written it.
var ErrUnknownKind = errors.New("unknown kind of record: want an event or a counter; a newer version wrote it")

// value is one field of a message as read.
type value struct {
	num protowire.Number
	typ protowire.Type
	// number is the value of a varint or a fixed number, text and data that of bytes.
	number uint64
	text   string
	data   []byte
}

// Decode decodes a record. The result shares no memory with data.
func Decode(data []byte) (Record, error) {
	var r Record
	// All texts of the record are parts of this one.
	err := fields(data, string(data), func(v value) error {
		switch v.num {
		case fieldEvent:
			// A record without the field is from a time when it did not exist.
			r.Event = &Event{Interactive: true, ScrollDepth: Missing}
			return within("event", v, func(v value) error { return r.Event.set(v) })
		case fieldCounter:
			r.Counter = &Counter{}
			return within("counter", v, func(v value) error { return r.Counter.set(v) })
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
	err := fields(data, string(data), a.set)
	return a, err
}

func (e *Event) set(v value) (err error) {
	switch v.num {
	case eventSiteID:
		e.SiteID = v.number
	case eventDomain:
		e.Domain = v.text
	case eventUserID:
		e.UserID = v.number
	case eventPreviousUserID:
		e.PreviousUserID = v.number
	case eventTimestamp:
		e.Timestamp = protowire.DecodeZigZag(v.number)
	case eventName:
		e.Name = v.text
	case eventHostname:
		e.Hostname = v.text
	case eventPathname:
		e.Pathname = v.text
	case eventPassive:
		e.Interactive = v.number == 0
	case eventProp:
		var p Prop
		err = within("prop", v, func(v value) error {
			switch v.num {
			case pairFirst:
				p.Key = v.text
			case pairSecond:
				p.Value = v.text
			}
			return nil
		})
		e.Props = append(e.Props, p)
	case eventScrollDepth:
		if v.number > Missing {
			return fmt.Errorf("scroll depth %d: want 0 to %d", v.number, Missing)
		}
		e.ScrollDepth = Missing - uint8(v.number)
	case eventEngagementTime:
		err = narrow(&e.EngagementTime, "engagement time", v.number, math.MaxUint32)
	case eventRevenue:
		e.Revenue = &Revenue{}
		err = within("revenue", v, e.Revenue.set)
	case eventTrackerVersion:
		err = narrow(&e.TrackerVersion, "tracker version", v.number, math.MaxUint16)
	case eventAttributes:
		err = within("attributes", v, e.Attributes.set)
	}
	return err
}

func (a *Attributes) set(v value) error {
	texts := a.texts()
	if v.num == attributesCity {
		return narrow(&a.CityGeonameID, "city", v.number, math.MaxUint32)
	}
	if i := int(v.num) - 1; i < len(texts) {
		*texts[i] = v.text
	}
	return nil
}

func (r *Revenue) set(v value) error {
	switch v.num {
	case revenueSourceAmount:
		r.SourceAmount = protowire.DecodeZigZag(v.number)
	case revenueSourceCurrency:
		r.SourceCurrency = v.text
	case revenueReportingAmount:
		r.ReportingAmount = protowire.DecodeZigZag(v.number)
	case revenueReportingCurrency:
		r.ReportingCurrency = v.text
	}
	return nil
}

func (c *Counter) set(v value) error {
	switch v.num {
	case counterBucket:
		c.Bucket = protowire.DecodeZigZag(v.number)
	case counterDomain:
		c.Domain = v.text
	case counterSiteID:
		c.SiteID = v.number
	case counterMetric:
		c.Metric = v.text
	case counterValue:
		c.Value = v.number
	case counterTrackerVersion:
		return narrow(&c.TrackerVersion, "tracker version", v.number, math.MaxUint16)
	}
	return nil
}

// narrow stores a number that must fit a smaller type.
func narrow[T uint16 | uint32](into *T, name string, v, limit uint64) error {
	if v > limit {
		return fmt.Errorf("%s %d: want at most %d", name, v, limit)
	}
	*into = T(v)
	return nil
}

func within(name string, v value, set func(value) error) error {
	if v.typ != protowire.BytesType {
		return fmt.Errorf("%s: wire type %d: want %d", name, v.typ, protowire.BytesType)
	}
	if err := fields(v.data, v.text, set); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// fields calls set for each field of a message. Data and text are the same bytes; texts of the
// fields are parts of text.
func fields(data []byte, text string, set func(value) error) error {
	for rest := data; len(rest) > 0; {
		num, typ, n := protowire.ConsumeTag(rest)
		if n < 0 {
			return protowire.ParseError(n)
		}
		v := value{num: num, typ: typ}
		rest = rest[n:]
		switch typ {
		case protowire.VarintType:
			v.number, n = protowire.ConsumeVarint(rest)
		case protowire.Fixed64Type:
			v.number, n = protowire.ConsumeFixed64(rest)
		case protowire.BytesType:
			v.data, n = protowire.ConsumeBytes(rest)
			if n >= 0 {
				end := len(text) - len(rest) + n
				v.text = text[end-len(v.data) : end]
			}
		default:
			n = protowire.ConsumeFieldValue(num, typ, rest)
		}
		if n < 0 {
			return fmt.Errorf("field %d: %w", num, protowire.ParseError(n))
		}
		if err := set(v); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}
