package fakega4

import (
	"strings"
)

// hit is an event of a visit.
type hit struct {
	visit *visit
	name  string
	page  string
	link  string
	// seconds is for how long the visitor was engaged.
	seconds int64
}

// dimensionOf maps the dimensions of generated data.
var dimensionOf = map[string]func(*hit) string{
	"date":                       func(h *hit) string { return h.visit.date },
	"sessionSource":              func(h *hit) string { return h.visit.from.source },
	"sessionDefaultChannelGroup": func(h *hit) string { return h.visit.from.channel },
	"sessionMedium":              func(h *hit) string { return h.visit.from.medium },
	"sessionCampaignName":        func(h *hit) string { return h.visit.from.campaign },
	"sessionManualSource":        func(h *hit) string { return h.visit.from.manual(h.visit.from.source) },
	"sessionManualMedium":        func(h *hit) string { return h.visit.from.manual(h.visit.from.medium) },
	"sessionManualCampaignName":  func(h *hit) string { return h.visit.from.manual(h.visit.from.campaign) },
	"sessionManualAdContent":     func(h *hit) string { return h.visit.from.manual(h.visit.from.content) },
	"sessionManualTerm":          func(h *hit) string { return h.visit.from.manual(h.visit.from.term) },
	"sessionGoogleAdsKeyword":    func(*hit) string { return notSet },
	"hostName":                   func(h *hit) string { return h.visit.host },
	"pagePath":                   func(h *hit) string { return h.page },
	"landingPage":                func(h *hit) string { return h.visit.landing },
	"eventName":                  func(h *hit) string { return h.name },
	"linkUrl":                    func(h *hit) string { return h.link },
	"country":                    func(h *hit) string { return h.visit.place.country },
	"countryId":                  func(h *hit) string { return h.visit.place.countryID },
	"region":                     func(h *hit) string { return h.visit.place.region },
	"city":                       func(h *hit) string { return h.visit.place.city },
	"deviceCategory":             func(h *hit) string { return h.visit.device.category },
	"browser":                    func(h *hit) string { return h.visit.device.browser },
	"operatingSystem":            func(h *hit) string { return h.visit.device.system },
	"operatingSystemVersion":     func(h *hit) string { return h.visit.device.version },
}

func knownDimension(name string) bool { return dimensionOf[name] != nil }

// metricNames are the metrics of generated data.
var metricNames = []string{
	"totalUsers", "activeUsers", "sessions", "engagedSessions", "screenPageViews", "eventCount", "userEngagementDuration",
}

// tally counts the metrics of the hits that a row stands for.
type tally struct {
	users, active, visits, engaged  map[int64]struct{}
	pageviews, events, engagedForMs int64
}

func newTally() *tally {
	return &tally{
		users: map[int64]struct{}{}, active: map[int64]struct{}{},
		visits: map[int64]struct{}{}, engaged: map[int64]struct{}{},
	}
}

func (t *tally) add(h *hit) {
	v := h.visit
	t.users[v.user] = struct{}{}
	t.visits[v.id] = struct{}{}
	if v.engaged {
		t.active[v.user] = struct{}{}
		t.engaged[v.id] = struct{}{}
	}
	if h.name == "page_view" {
		t.pageviews++
	}
	t.events++
	t.engagedForMs += h.seconds
}

func (t *tally) metric(name string) int64 {
	switch name {
	case "totalUsers":
		return int64(len(t.users))
	case "activeUsers":
		return int64(len(t.active))
	case "sessions":
		return int64(len(t.visits))
	case "engagedSessions":
		return int64(len(t.engaged))
	case "screenPageViews":
		return t.pageviews
	case "eventCount":
		return t.events
	default:
		return t.engagedForMs
	}
}

func (t *tally) metrics(all []metric) []int64 {
	values := make([]int64, len(all))
	for i, m := range all {
		for _, name := range m.plus {
			values[i] += t.metric(name)
		}
		for _, name := range m.minus {
			values[i] -= t.metric(name)
		}
	}
	return values
}

// aggregate makes a report of hits: a row for each combination of values that occurs.
// Rows of nothing but zeroes are left out, as Google does unless asked otherwise.
func aggregate(q *query, hits func(yield func(*hit) bool)) *table {
	type group struct {
		dimensions []string
		tally      *tally
	}
	groups := map[string]*group{}
	whole := newTally()
	values := make([]string, len(q.dimensions))
	for h := range hits {
		if !q.filter(func(name string) string { return dimensionOf[name](h) }) {
			continue
		}
		for i, name := range q.dimensions {
			values[i] = dimensionOf[name](h)
		}
		key := strings.Join(values, "\x1f")
		g := groups[key]
		if g == nil {
			g = &group{dimensions: append([]string(nil), values...), tally: newTally()}
			groups[key] = g
		}
		g.tally.add(h)
		whole.add(h)
	}
	t := &table{sums: whole.metrics(q.metrics)}
	for _, g := range groups {
		row := &tableRow{dimensions: g.dimensions, metrics: g.tally.metrics(q.metrics)}
		if !allZero(row.metrics) {
			t.rows = append(t.rows, row)
		}
	}
	return t
}

func allZero(values []int64) bool {
	for _, v := range values {
		if v != 0 {
			return false
		}
	}
	return true
}
