package ingesting

import (
	"bytes"
	"encoding/json"

	"github.com/sluicehq/sluice/ingest/request"
)

// TrialEvent is an event to be tried, in the words of a tracker. Empty fields are not sent, except for the name.
type TrialEvent struct {
	// Name is the name, such as pageview.
	Name string
	// URL is the address of the page, Referrer that of the page before.
	URL, Referrer string
	// Domains is the domain of a site, or several separated by commas.
	Domains string
	// Timestamp is when it happened, in RFC 3339 or seconds since 1970, as an authorised sender sets it.
	Timestamp string
	// Props are the custom properties in their order.
	Props []request.Prop
	// Revenue is the amount of the event, or nil.
	Revenue *TrialRevenue
}

// TrialRevenue is an amount of money with its currency, such as 10.50 and EUR.
type TrialRevenue struct{ Amount, Currency string }

// Body returns the body of the request that a tracker would send.
func (e TrialEvent) Body() []byte {
	fields := []request.Prop{{Key: "n", Value: e.Name}, {Key: "u", Value: e.URL}, {Key: "d", Value: e.Domains}}
	for _, optional := range []request.Prop{
		{Key: "r", Value: e.Referrer}, {Key: request.FieldTimestamp, Value: e.Timestamp},
	} {
		if optional.Value != "" {
			fields = append(fields, optional)
		}
	}
	if len(e.Props) > 0 {
		fields = append(fields, request.Prop{Key: "p", Value: object(e.Props)})
	}
	if r := e.Revenue; r != nil {
		fields = append(fields, request.Prop{Key: "$", Value: object([]request.Prop{
			{Key: "amount", Value: r.Amount}, {Key: "currency", Value: r.Currency},
		})})
	}
	return []byte(object(fields))
}

// object returns a JSON object of texts in their order. An object inside another one is a text, as trackers send it.
func object(members []request.Prop) string {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			b.WriteByte(',')
		}
		for j, text := range []string{m.Key, m.Value} {
			if j > 0 {
				b.WriteByte(':')
			}
			quoted, err := json.Marshal(text)
			if err != nil {
				panic("encode a text: " + err.Error())
			}
			b.Write(quoted)
		}
	}
	b.WriteByte('}')
	return b.String()
}
