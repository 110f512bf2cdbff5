package request

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var now = time.Date(2026, time.November, 29, 12, 30, 15, 999, time.UTC)

func parse(t *testing.T, body string) Request {
	t.Helper()
	r, err := Parse(Input{Body: []byte(body), Now: now})
	require.NoError(t, err, body)
	return r
}

func faults(t *testing.T, in Input) Errors {
	t.Helper()
	in.Now = now
	_, err := Parse(in)
	var e Errors
	require.ErrorAs(t, err, &e, string(in.Body))
	return e
}

func TestParseFull(t *testing.T) {
	t.Parallel()
	r, err := Parse(Input{
		ContentType: "text/plain", UserAgent: "agent", RemoteIP: netip.MustParseAddr("::ffff:192.0.2.1"), IPType: IPTypeDataCentre, Now: now,
		Body: []byte(`{"n": "Buy", "u": "https://www.Shop.example:8443/a%20b/%zz?utm_source=x&ref=a+b%21#part", "d": "www.shop.example, roll.up",
			"r": "https://t.co/x", "p": {"b": true, "a": 12, "c": "x", "l": [1], "o": {}, "f": false, "n": null, "b": "last"},
			"$": {"amount": 10.2, "currency": "eur"}, "h": 1, "i": false, "v": 7}`),
	})
	require.NoError(t, err)
	require.Equal(t, "10.2", r.Revenue.Amount.String())
	require.Equal(t, "EUR", r.Revenue.Currency)
	r.Revenue = nil
	require.Equal(t, Request{
		Domains: []string{"shop.example", "roll.up"}, EventName: "Buy", Scheme: "https",
		URL:      "https://www.Shop.example:8443/a%20b/%zz?utm_source=x&ref=a+b%21#part",
		Hostname: "shop.example", Pathname: "/a b/%zz#part", Query: Query{{"utm_source", "x"}, {"ref", "a b!"}}, Referrer: "https://t.co/x",
		Props: []Prop{{"b", "last"}, {"a", "12"}, {"c", "x"}}, Interactive: false, ScrollDepth: NoScrollDepth, TrackerVersion: 7,
		Timestamp: time.Date(2026, time.November, 29, 12, 30, 15, 0, time.UTC), RemoteIP: netip.MustParseAddr("192.0.2.1"),
		IPType: IPTypeDataCentre, UserAgent: "agent",
	}, r)
	require.Equal(t, "x", r.Query.Get("utm_source"))
	key, value := r.Query.First("none", "ref")
	require.Equal(t, []string{"ref", "a b!"}, []string{key, value})
	redacted := r.Redacted()
	require.False(t, redacted.RemoteIP.IsValid())
	require.Empty(t, redacted.UserAgent)
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 2500)
	for body, want := range map[string]Errors{
		``: {"request": {textUnparsable}}, `null`: {"request": {textUnparsable}}, `[]`: {"request": {textUnparsable}},
		`"<script>"`: {"request": {textUnparsable}}, `{"n":"a"} x`: {"request": {textUnparsable}}, "{\"n\":\"\xff\"}": {"request": {textUnparsable}},
		`{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`: {"request": {textDepth}},
		`{}`:                                     {"event_name": {textBlank}, "url": {textRequired}},
		`{"n":"  ","u":"https://a.b"}`:           {"event_name": {textBlank}},
		`{"n":["a"],"u":"https://a.b"}`:          {"event_name": {textInvalid}},
		`{"n":1.5,"u":"https://a.b"}`:            {"event_name": {textInvalid}},
		`{"n":"` + long + `","u":"https://a.b"}`: {"event_name": {textNameLength}},
		`{"n":"a","u":"about:config"}`:           {"domain": {textBlank}},
		`{"n":"a","u":"https://a.b","d":" , "}`:  {"domain": {textBlank}},
		`{"n":"a","u":"https://a.b","d":5}`:      {"domain": {textInvalid}},
		`{"n":"a","u":"https://a.b","d":"` + strings.Repeat("a.b,", 51) + `"}`: {"domain": {textDomains}},
		`{"n":"a","u":"data:text/html,x","d":"a.b"}`:                           {"url": {textScheme}},
		`{"n":"a","u":5,"d":"a.b"}`:                                            {"url": {textURL}},
		`{"n":"a","u":"https://a.b/` + long + `","d":"a.b"}`:                   {"url": {textURL}},
		`{"n":"a","u":"https://a.b:port/","d":"a.b"}`:                          {"url": {textURL}},
		`{"n":"a","u":"https://[::1/","d":"a.b"}`:                              {"url": {textURL}},
		`{"n":"a","u":"https://a.b/\u0000","d":"a.b"}`:                         {"url": {textURL}},
		`{"n":"a","u":"https://a.b","p":{"k":"` + long + `"}}`:                 {"props": {textProps}},
		`{"n":"a","u":"https://a.b","p":{"` + long + `":"v"}}`:                 {"props": {textProps}},
		`{"n":"engagement","u":"https://a.b"}`:                                 {"event_name": {textEngagement}},
		`{"n":"engagement","u":"https://a.b","sd":-1,"e":2592000000}`:          {"event_name": {textEngagement}},
		`{"n":"a","u":"https://a.b","timestamp":1,"ip":"x","user_agent":"x"}`: {
			"timestamp": {textUnallowed}, "ip": {textUnallowed}, "user_agent": {textUnallowed},
		},
	} {
		require.Equal(t, want, faults(t, Input{Body: []byte(body)}), body)
	}
	require.Equal(t, TooLarge(), faults(t, Input{Body: make([]byte, MaxBody+1)}))
	require.Equal(t, "event_name: can't be blank; url: is required", faults(t, Input{Body: []byte(`{}`)}).Error())
}

func TestParseForms(t *testing.T) {
	t.Parallel()
	r, err := Parse(Input{
		ContentType: "application/x-www-form-urlencoded; charset=utf-8", Now: now,
		Body: []byte("name=Buy&url=https%3A%2F%2Fa.b%2Fx&props%5Bsize%5D=XL&revenue=%7B%22amount%22%3A%221%22%2C%22currency%22%3A%22USD%22%7D&i=false"),
	})
	require.NoError(t, err)
	require.Equal(t, []string{"a.b"}, r.Domains)
	require.Equal(t, []Prop{{"size", "XL"}}, r.Props)
	require.Equal(t, "USD", r.Revenue.Currency)
	require.False(t, r.Interactive)

	body := "--X\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nBuy\r\n--X\r\nContent-Disposition: form-data; name=\"url\"\r\n\r\nhttps://a.b\r\n" +
		"--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nignored\r\n--X--\r\n"
	r, err = Parse(Input{ContentType: "multipart/form-data; boundary=X", Now: now, Body: []byte(body)})
	require.NoError(t, err)
	require.Equal(t, "Buy", r.EventName)
	for _, kind := range []string{"multipart/form-data", "multipart/form-data; boundary=Y"} {
		require.Contains(t, faults(t, Input{ContentType: kind, Body: []byte(body[:40])}), "request")
	}
	require.Contains(t, faults(t, Input{ContentType: "application/x-www-form-urlencoded", Body: []byte("a=%zz")}), "request")
}

// Without a header of its own, curl -d says that JSON is a form.
func TestParseJSONCalledForm(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded"
	r, err := Parse(Input{
		ContentType: form, Now: now, Body: []byte("\n {\"n\":\"pageview\",\"u\":\"https://a.b/?x=%zz&y=1\",\"d\":\"a.b\"}"),
	})
	require.NoError(t, err)
	require.Equal(t, "pageview", r.EventName)
	require.Equal(t, []string{"a.b"}, r.Domains)
	require.Contains(t, faults(t, Input{ContentType: form, Body: []byte(`{"n":`)}), "request")
}

func TestProps(t *testing.T) {
	t.Parallel()
	const head = `{"n":"a","u":"https://a.b",`
	for tail, want := range map[string][]Prop{
		`"m":{"a":1},"p":{"b":1}}`:                            {{"a", "1"}},
		`"props":"{\"number\":1.50}"}`:                        {{"number", "1.50"}},
		`"props":"\"text\""}`:                                 nil,
		`"props":"{\"a\":1} x"}`:                              nil,
		`"props":["a"]}`:                                      nil,
		`"props":{"nil":null,"no":false," ":"v","k":"  "}}`:   nil,
		`"props":{"a":"1","b":"2","a":"3"}}`:                  {{"a", "3"}, {"b", "2"}},
		`"props":"{\"a\":{\"b\":1},\"c\":\"\\u00e9\"}"}`:      {{"c", "é"}},
		`"props":"` + strings.Repeat(`{\"a\":`, 40) + `1"}`:   nil,
		`"props":{"a":"x"},"n":"404","u":"https://a.b/p%20"}`: {{"path", "/p"}, {"a", "x"}},
		`"props":{"a":"x","path":"/own"},"n":"404"}`:          {{"path", "/own"}, {"a", "x"}},
	} {
		require.Equal(t, want, parse(t, head+tail).Props, tail)
	}
	var many strings.Builder
	for i := range 50 {
		fmt.Fprintf(&many, `,"k%d":"v"`, i)
	}
	r := parse(t, head+`"n":"404","props":{"long":`+`"x"`+many.String()+`,"last":"`+strings.Repeat("a", 2500)+`"}}`)
	require.Len(t, r.Props, MaxProps)
	require.Equal(t, Prop{"path", "/"}, r.Props[0])
}

func TestRevenue(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`{"amount":"10.2","currency":"USD"}`: "10.2 USD", `{"amount":7,"currency":"eur"}`: "7 EUR", `"{\"amount\":-1.5,\"currency\":\"BRL\"}"`: "-1.5 BRL",
		`{"amount":1e3,"currency":"USD"}`: "1000 USD", `{"amount":"999999999999999.999","currency":"USD"}`: "999999999999999.999 USD",
		`{"amount":0.0004,"currency":"USD"}`: "0 USD",
	} {
		got := parseRevenue([]byte(raw))
		require.NotNil(t, got, raw)
		require.Equal(t, want, got.Amount.String()+" "+got.Currency)
	}
	for _, raw := range []string{
		``, `{}`, `[]`, `{"amount":"1831d","currency":"ADSIE"}`, `{"amount":"1","currency":"QQQ"}`, `{"amount":1}`, `{"currency":"USD"}`,
		`{"amount":1e999999999,"currency":"USD"}`, `{"amount":"1e-999999999","currency":"USD"}`, `{"amount":"1000000000000000","currency":"USD"}`,
		`{"amount":"999999999999999.9999","currency":"USD"}`, `{"amount":"NaN","currency":"USD"}`, `{"amount":[1],"currency":"USD"}`,
		`{"amount":"` + strings.Repeat("1", 60) + `","currency":"USD"}`,
	} {
		require.Nil(t, parseRevenue([]byte(raw)), raw)
	}
}

func TestInteractiveAndEngagement(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		`{"n":"a","u":"https://a.b"}`: true, `{"n":"a","u":"https://a.b","i":false}`: false, `{"n":"a","u":"https://a.b","interactive":false,"i":true}`: false,
		`{"n":"pageview","u":"https://a.b","i":false}`: true, `{"n":"Form: Submission","u":"https://a.b","interactive":false}`: true,
	} {
		require.Equal(t, want, parse(t, body).Interactive, body)
	}
	for body, want := range map[string][2]uint32{
		`"sd":0`: {0, 0}, `"sd":"25"`: {25, 0}, `"sd":101,"e":5`: {100, 5}, `"sd":-1,"e":1`: {255, 1}, `"sd":"abc","e":1`: {255, 1},
		`"sd":1,"e":-1`: {1, 0}, `"sd":1,"e":2591999999`: {1, 2591999999}, `"sd":1,"e":1.5`: {1, 0},
	} {
		r := parse(t, `{"n":"engagement","u":"https://a.b",`+body+`}`)
		require.Equal(t, want, [2]uint32{uint32(r.ScrollDepth), r.EngagementTime}, body)
	}
	r := parse(t, `{"n":404,"u":"https://a.b","sd":5,"e":5,"v":70000}`)
	require.Equal(t, []any{"404", NoScrollDepth, uint32(0), uint16(0)}, []any{r.EventName, r.ScrollDepth, r.EngagementTime, r.TrackerVersion})
}

func TestOnBehalf(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]time.Time{
		`1795867200`: time.Unix(1795867200, 0).UTC(), `"1795867200"`: time.Unix(1795867200, 0).UTC(),
		`"2026-11-23T03:04:05.6+01:00"`: time.Date(2026, 11, 23, 2, 4, 5, 0, time.UTC), `"2026-11-29T12:30:20Z"`: time.Date(2026, 11, 29, 12, 30, 20, 0, time.UTC),
	} {
		r, err := Parse(Input{
			Authorised: true, Now: now,
			Body: []byte(`{"n":"a","u":"https://a.b","ip":"198.51.100.7","user_agent":"browser","timestamp":` + given + `}`),
		})
		require.NoError(t, err, given)
		require.Equal(t, []any{want, true, "198.51.100.7", "browser"}, []any{r.Timestamp, r.TimestampSet, r.RemoteIP.String(), r.UserAgent})
	}
	for _, given := range []string{`"yesterday"`, `"2026-11-29T12:30:21Z"`, `"2026-11-22T12:30:14Z"`, `1600000000`, `1e400`, `9223372036854775807`, `[]`, `-1`} {
		got := faults(t, Input{Authorised: true, Body: []byte(`{"n":"a","u":"https://a.b","timestamp":` + given + `}`)})
		require.Equal(t, Errors{"timestamp": {textTimestamp}}, got, given)
	}
	require.Equal(t, Errors{"ip": {textInvalid}, "user_agent": {textInvalid}},
		faults(t, Input{Authorised: true, Body: []byte(`{"n":"a","u":"https://a.b","ip":"here","user_agent":5}`)}))
	r, err := Parse(Input{Now: now, UserAgent: strings.Repeat("é", 1500), Body: []byte(`{"n":"a","u":"https://a.b","r":"` + strings.Repeat("é", 2500) + `"}`)})
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("é", 1000), r.UserAgent)
	require.Equal(t, strings.Repeat("é", 2000), r.Referrer)
}
