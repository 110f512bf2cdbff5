package request

import (
	"cmp"
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Input is what an event is parsed from.
type Input struct {
	// ContentType is the header; "" means JSON.
	ContentType string
	// Body is the body, or a line of a batch.
	Body []byte
	// UserAgent is the header.
	UserAgent string
	// RemoteIP is the visitor's address, or the zero address if it is unknown.
	RemoteIP netip.Addr
	// IPType is what a trusted proxy says about the address, or "".
	IPType string
	// Now is the time of receipt.
	Now time.Time
	// Authorised says that the sender may set "timestamp", "ip" and "user_agent".
	Authorised bool
	// SenderSite is the number of the only site for which the sender is authorised; 0 means any.
	SenderSite uint64
}

// alwaysInteractive are events that end a bounce whatever the body says.
var alwaysInteractive = map[string]bool{
	Pageview: true, Engagement: true, "Outbound Link: Click": true, "Cloaked Link: Click": true, "File Download": true,
	"404": true, "WP Form Completions": true, "Form: Submission": true,
}

// withPath are events that have the property "path" unless the body sets it.
var withPath = map[string]bool{"404": true, "WP Form Completions": true, "Form: Submission": true}

// Parse returns the request of a body. The error is of type Errors and names every field
// that is wrong.
func Parse(in Input) (Request, error) {
	f, unreadable := readFields(in.ContentType, in.Body)
	if unreadable != nil {
		return Request{}, unreadable
	}
	faults := Errors{}
	r := Request{
		RemoteIP: in.RemoteIP.Unmap().WithZone(""), IPType: in.IPType, UserAgent: in.UserAgent,
		Timestamp: in.Now.UTC().Truncate(time.Second), ScrollDepth: NoScrollDepth,
		SenderSite: in.SenderSite,
	}
	r.name(f, faults)
	r.address(f, faults)
	r.domains(f, faults)
	r.referrer(f)
	r.props(f, faults)
	r.Revenue = parseRevenue(f.first("$", "revenue"))
	r.Interactive = alwaysInteractive[r.EventName] || !isFalse(f.get("i")) && !isFalse(f.get("interactive"))
	r.engagement(f, faults)
	r.TrackerVersion = version(f.get("v"))
	r.onBehalf(f, in, faults)
	r.UserAgent = cutBytes(strings.ToValidUTF8(r.UserAgent, "\uFFFD"), MaxUserAgent)
	if len(faults) > 0 {
		return Request{}, faults
	}
	return r, nil
}

func (r *Request) name(f fields, faults Errors) {
	raw := f.first("n", "name")
	name, ok := text(raw)
	if !ok && raw != nil {
		// A number is a name if it is an integer.
		if _, err := strconv.ParseInt(string(raw), 10, 64); err != nil {
			faults.add(FieldEventName, textInvalid)
			return
		}
		name = string(raw)
	}
	switch {
	case strings.TrimSpace(name) == "":
		faults.add(FieldEventName, textBlank)
	case utf8.RuneCountInString(name) > MaxName:
		faults.add(FieldEventName, textNameLength)
	default:
		r.EventName = name
	}
}

func (r *Request) address(f fields, faults Errors) {
	raw := f.first("u", "url")
	if raw == nil {
		faults.add(FieldURL, textRequired)
		return
	}
	whole, ok := text(raw)
	trimmed := strings.TrimSpace(whole)
	if !ok || trimmed == "" || len(trimmed) > MaxURL {
		faults.add(FieldURL, textURL)
		return
	}
	a, ok := splitAddress(trimmed)
	switch {
	case !ok:
		faults.add(FieldURL, textURL)
		return
	case a.scheme == "data":
		faults.add(FieldURL, textScheme)
		return
	}
	r.URL, r.Scheme, r.Query = trimmed, a.scheme, parseQuery(a.query)
	r.Hostname = cmp.Or(TrimWWW(a.host), "(none)")
	r.Pathname = strings.TrimRight(decode(a.path, false), " \t\n\v\f\r\u00a0")
	r.Pathname = cmp.Or(r.Pathname, "/")
	if mode, ok := scalar(f.first("h", "hashMode")); ok && (mode == "1" || mode == "true") && a.fragment != "" {
		r.Pathname += "#" + a.fragment
	}
}

func (r *Request) domains(f fields, faults Errors) {
	raw := f.first("d", "domain")
	if raw == nil {
		if r.Hostname == "" || r.Hostname == "(none)" {
			// Without an address the missing address is the fault.
			if r.Hostname != "" {
				faults.add(FieldDomain, textBlank)
			}
			return
		}
		r.Domains = []string{r.Hostname}
		return
	}
	list, ok := text(raw)
	if !ok {
		faults.add(FieldDomain, textInvalid)
		return
	}
	for domain := range strings.SplitSeq(list, ",") {
		domain = TrimWWW(strings.ToLower(strings.TrimSpace(domain)))
		if domain == "" {
			continue
		}
		if len(r.Domains) == MaxDomains || len(domain) > MaxDomain {
			faults.add(FieldDomain, textDomains)
			return
		}
		r.Domains = append(r.Domains, domain)
	}
	if len(r.Domains) == 0 {
		faults.add(FieldDomain, textBlank)
	}
}

func (r *Request) referrer(f fields) {
	referrer, ok := text(f.first("r", "referrer"))
	if !ok {
		return
	}
	r.Referrer = cutRunes(referrer, MaxReferrer)
}

func (r *Request) props(f fields, faults Errors) {
	list := members(f.first("m", "meta", "p", "props"))
	props := make([]Prop, 0, min(len(list), MaxProps)+1)
	index := make(map[string]int, min(len(list), MaxProps))
	if withPath[r.EventName] {
		props, index["path"] = append(props, Prop{Key: "path", Value: r.Pathname}), 0
	}
	for _, m := range list {
		value, ok := scalar(m.value)
		// Upstream drops false beside null: both mean that the property is not set.
		if !ok || string(m.value) == "false" || strings.TrimSpace(m.key) == "" || strings.TrimSpace(value) == "" {
			continue
		}
		if at, ok := index[m.key]; ok {
			props[at].Value = value
			continue
		}
		if len(props) == MaxProps {
			continue
		}
		index[m.key] = len(props)
		props = append(props, Prop{Key: m.key, Value: value})
	}
	for _, p := range props {
		if len(p.Key) > MaxPropKey || len(p.Value) > MaxPropValue {
			faults.add(FieldProps, textProps)
			return
		}
	}
	if len(props) > 0 {
		r.Props = props
	}
}

func isFalse(raw json.RawMessage) bool {
	s, ok := scalar(raw)
	return ok && s == "false"
}

// maxEngagement is the first engagement time in milliseconds that is not believed: 30 days.
const maxEngagement = 30 * 24 * 60 * 60 * 1000

func (r *Request) engagement(f fields, faults Errors) {
	if r.EventName != Engagement {
		return
	}
	if depth, ok := integer(f.get("sd")); ok && depth >= 0 {
		r.ScrollDepth = uint8(min(depth, 100))
	}
	if spent, ok := integer(f.get("e")); ok && spent >= 0 && spent < maxEngagement {
		r.EngagementTime = uint32(spent)
	}
	if r.ScrollDepth == NoScrollDepth && r.EngagementTime == NoEngagementTime {
		faults.add(FieldEventName, textEngagement)
	}
}

// integer returns the integer of a number or a string.
func integer(raw json.RawMessage) (int64, bool) {
	s, ok := scalar(raw)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

func version(raw json.RawMessage) uint16 {
	if n, ok := integer(raw); ok && n > 0 && n < 1<<16 {
		return uint16(n)
	}
	return 0
}

// onBehalf reads what only an authorised sender sets: a server that forwards the events of
// its visitors.
func (r *Request) onBehalf(f fields, in Input, faults Errors) {
	for _, field := range []string{FieldTimestamp, "ip", "user_agent"} {
		if f.first(field) != nil && !in.Authorised {
			faults.add(field, textUnallowed)
		}
	}
	if !in.Authorised {
		return
	}
	if raw := f.first(FieldTimestamp); raw != nil {
		at, ok := timestamp(raw)
		if !ok || at.Before(in.Now.Add(-MaxBehind)) || at.After(in.Now.Add(MaxAhead)) {
			faults.add(FieldTimestamp, textTimestamp)
		} else {
			r.Timestamp, r.TimestampSet = at, true
		}
	}
	if raw := f.first("ip"); raw != nil {
		given, _ := text(raw)
		ip, err := netip.ParseAddr(given)
		if err != nil {
			faults.add("ip", textInvalid)
		}
		r.RemoteIP = ip.Unmap().WithZone("")
	}
	if raw := f.first("user_agent"); raw != nil {
		agent, ok := text(raw)
		if !ok {
			faults.add("user_agent", textInvalid)
		}
		r.UserAgent = agent
	}
}

func timestamp(raw json.RawMessage) (time.Time, bool) {
	if s, ok := text(raw); ok {
		if at, err := time.Parse(time.RFC3339, s); err == nil {
			return at.UTC().Truncate(time.Second), true
		}
	}
	seconds, ok := integer(raw)
	// Beyond this the library's year has no four digits.
	if !ok || seconds > 253402300799 {
		return time.Time{}, false
	}
	return time.Unix(seconds, 0).UTC(), true
}

func cutRunes(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for i := range s {
		if limit == 0 {
			return s[:i]
		}
		limit--
	}
	return s
}

// cutBytes cuts a text to a number of bytes, between two characters.
func cutBytes(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
