package fakega4

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// What Google writes where there is no value, and where there were too many.
const (
	notSet = "(not set)"
	folded = "(other)"
)

// visit is a session. All reports are made of the same visits, so that they agree.
type visit struct {
	id, user      int64
	date          string // YYYYMMDD
	host, landing string
	from          origin
	place         place
	device        machine
	engaged       bool
	hits          []hit
}

// origin is how a visitor came.
type origin struct {
	source, channel, medium, campaign, content, term string
	tagged                                           bool
}

// manual returns a value of a tagged link, "(not set)" where links were not tagged.
func (o origin) manual(v string) string {
	if !o.tagged || v == "" {
		return notSet
	}
	return v
}

type place struct{ countryID, country, region, city string }

type machine struct{ category, browser, system, version string }

var origins = []origin{
	{source: "google", channel: "Organic Search", medium: "organic", campaign: "(organic)"},
	{source: "(direct)", channel: "Direct", medium: "(none)", campaign: "(direct)"},
	{source: "duckduckgo", channel: "Organic Search", medium: "organic", campaign: "(organic)"},
	{source: "news.ycombinator.com", channel: "Referral", medium: "referral", campaign: "(referral)"},
	{source: "www.example.net", channel: "Referral", medium: "referral", campaign: "(referral)"},
	{source: "l.facebook.com", channel: "Organic Social", medium: "referral", campaign: "(referral)"},
	{source: "google", channel: "Paid Search", medium: "cpc", campaign: "brand"},
	{
		source: "newsletter", channel: "Email", medium: "email", campaign: "spring", content: "header", term: "shoes",
		tagged: true,
	},
	{source: "newsletter", channel: "Email", medium: "email", campaign: "spring", content: "footer", tagged: true},
	{source: notSet, channel: "Unassigned", medium: notSet, campaign: notSet},
}

var places = []place{
	{"DE", "Germany", "Bavaria", "Munich"},
	{"DE", "Germany", "Berlin", "Berlin"},
	{"US", "United States", "California", "San Francisco"},
	{"GB", "United Kingdom", "England", "London"},
	{"FR", "France", "Ile-de-France", "Paris"},
	{"ES", "Spain", "Community of Madrid", "Madrid"},
	{"PL", "Poland", "Masovian Voivodeship", "Warsaw"},
	{"BR", "Brazil", "State of Sao Paulo", "Sao Paulo"},
	{"EE", "Estonia", "Region of Nowhere", notSet},
	{notSet, notSet, notSet, notSet},
}

var machines = []machine{
	{"desktop", "Chrome", "Windows", "10"},
	{"desktop", "Firefox", "Linux", notSet},
	{"desktop", "Safari", "Macintosh", "Intel 10.15"},
	{"mobile", "Safari (in-app)", "iOS", "17.2.1"},
	{"mobile", "Chrome", "Android", "14"},
	{"mobile", "Android Webview", "Android", "13"},
	{"tablet", "Safari", "iOS", "16.6"},
	{"smart tv", "Samsung Internet", "Tizen", notSet},
	{"desktop", notSet, notSet, notSet},
}

// generator makes visits up.
type generator struct {
	cfg   Config
	first time.Time
}

func newGenerator(cfg Config, zone *time.Location) *generator {
	year, month, day := cfg.Now().In(zone).Date()
	return &generator{cfg: cfg, first: time.Date(year, month, day-cfg.Days, 0, 0, 0, 0, time.UTC)}
}

// tabulate returns a report of the visits of the requested days.
func (g *generator) tabulate(q *query) (*table, *rpcError) {
	return aggregate(q, func(yield func(*hit) bool) {
		for day := range g.cfg.Days + 1 {
			date, visits := folded, g.cfg.Undated
			if day < g.cfg.Days {
				date, visits = g.first.AddDate(0, 0, day).Format("20060102"), g.cfg.RowsPerDay+g.cfg.Folded
				if date < q.start || date > q.end {
					continue
				}
			}
			for i := range visits {
				v := g.visit(day, i, date)
				for j := range v.hits {
					if !yield(&v.hits[j]) {
						return
					}
				}
			}
		}
	}), nil
}

// visit makes up the i-th visit of a day. It depends on nothing but the seed, the day and i.
func (g *generator) visit(day, i int, date string) *visit {
	rng := rand.New(rand.NewPCG(g.cfg.Seed, uint64(day)<<32|uint64(i))) //nolint:gosec // G404: to be repeated, not secret
	v := &visit{
		id: int64(day)<<32 | int64(i), user: rng.Int64N(int64(3*g.cfg.RowsPerDay + 1)), date: date, host: "www.example.com",
		from: origins[rng.IntN(len(origins))], place: places[rng.IntN(len(places))],
		device: machines[rng.IntN(len(machines))], engaged: rng.IntN(3) > 0,
	}
	landing := pageOf(i)
	v.landing = landing
	if i >= g.cfg.RowsPerDay {
		landing = v.fold()
	}
	v.hits = append(v.hits, hit{visit: v, name: "session_start", page: landing})
	if rng.IntN(2) == 0 {
		v.hits = append(v.hits, hit{visit: v, name: "first_visit", page: landing})
	}
	v.hits = append(v.hits, hit{visit: v, name: "page_view", page: landing})
	if !v.engaged {
		return v
	}
	for range rng.IntN(4) {
		// Pages that other visits of the day land on: the report by page has one row for each.
		page := landing
		if i < g.cfg.RowsPerDay {
			page = pageOf(rng.IntN(g.cfg.RowsPerDay))
		}
		v.hits = append(v.hits,
			hit{visit: v, name: "page_view", page: page},
			hit{visit: v, name: "user_engagement", page: page, seconds: 10 + rng.Int64N(120)},
			hit{visit: v, name: "scroll", page: page})
	}
	switch rng.IntN(6) {
	case 0:
		link := fmt.Sprintf("https://example.org/%d", rng.IntN(5))
		v.hits = append(v.hits, hit{visit: v, name: "click", page: landing, link: link})
	case 1:
		const link = "https://www.example.com/guide.pdf"
		v.hits = append(v.hits, hit{visit: v, name: "file_download", page: landing, link: link})
	}
	return v
}

// fold puts "(other)" in the place of the visit's values, and returns it.
func (v *visit) fold() string {
	v.host, v.landing = folded, folded
	v.from = origin{folded, folded, folded, folded, folded, folded, true}
	v.place = place{folded, folded, folded, folded}
	v.device = machine{folded, folded, folded, folded}
	return folded
}

func pageOf(i int) string {
	if i == 0 {
		return "/"
	}
	return fmt.Sprintf("/blog/post-%d", i)
}
