package pages

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"net/url"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/server/api"
	"github.com/sluicehq/sluice/server/pages/chart"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	"github.com/sluicehq/sluice/warehouse/history"
)

// siteShown is the page of a site: its data.
type siteShown struct {
	ingestclient.Site
	History ingestclient.History
	Tables  []siteTable
	// Metrics, Intervals and Ranges are what the chart can show, as links.
	Metrics, Intervals []choice
	Ranges             []dayChoice
	// labels are those of imports, by ID.
	labels map[uint64]string
}

// choice is a value of a parameter of the page.
type choice struct {
	Value, Title string
	Current      bool
}

// dayChoice is a range of days. Both ends are empty for the whole history.
type dayChoice struct {
	Title, From, To string
	Current         bool
}

// siteTable is a breakdown with the dimensions that its place can show.
type siteTable struct {
	Name, Title string
	ingestclient.Breakdown
	Choices []choice
	// CSV is the path of its file.
	CSV string
}

// dimensionTitles are the names of dimensions, and of one value.
var dimensionTitles = map[history.Dimension]struct{ many, one string }{
	history.ByPages: {"Pages", "Page"}, history.BySources: {"Sources", "Source"},
	history.ByCountries: {"Countries", "Country"}, history.ByRegions: {"Regions", "Region"},
	history.ByCities: {"Cities", "City"}, history.ByBrowsers: {"Browsers", "Browser"},
	history.ByOperatingSystems: {"Systems", "System"}, history.ByDevices: {"Devices", "Device"},
}

// siteTables are the breakdowns of the page: each shows the first dimension, unless its parameter names another one.
var siteTables = []struct {
	name, title string
	dimensions  []history.Dimension
}{
	{"pages", "Pages", []history.Dimension{history.ByPages}},
	{"sources", "Sources", []history.Dimension{history.BySources}},
	{"locations", "Locations", []history.Dimension{history.ByCountries, history.ByRegions, history.ByCities}},
	{"devices", "Devices", []history.Dimension{history.ByDevices, history.ByBrowsers, history.ByOperatingSystems}},
}

func (p *Pages) sitePage(v *visit) (any, error) {
	path := siteOf(v)
	site, err := get[ingestclient.Site](v, path, nil)
	if err != nil {
		return nil, err
	}
	query := v.passed("metric", "interval", "from", "to")
	shown := siteShown{Site: site}
	if shown.History, err = get[ingestclient.History](v, path+"/history", query); err != nil {
		return nil, err
	}
	// Each of them is a query to ClickHouse that takes a good part of the page's time.
	shown.Tables = make([]siteTable, len(siteTables))
	var loads errgroup.Group
	loads.Go(func() (err error) {
		shown.labels, err = importLabels(v, shown.History)
		return err
	})
	for i, t := range siteTables {
		loads.Go(func() (err error) {
			shown.Tables[i], err = loadTable(v, path, shown.History, t.name, t.dimensions)
			shown.Tables[i].Title = t.title
			return err
		})
	}
	if err := loads.Wait(); err != nil {
		return nil, err
	}
	for _, m := range history.Metrics() {
		shown.Metrics = append(shown.Metrics, choice{string(m), string(m), m == shown.History.Metric})
	}
	for _, i := range history.Intervals() {
		shown.Intervals = append(shown.Intervals, choice{string(i), string(i), i == shown.History.Interval})
	}
	shown.Ranges = rangesOf(query, present(site.TimeZone))
	return shown, nil
}

// loadTable reads a breakdown of the days of a history.
func loadTable(
	v *visit, path string, of ingestclient.History, name string, dimensions []history.Dimension,
) (siteTable, error) {
	by := dimensions[0]
	if asked := history.Dimension(v.r.URL.Query().Get(name)); slices.Contains(dimensions, asked) {
		by = asked
	}
	query := url.Values{"by": {string(by)}, "from": {of.From.String()}, "to": {of.To.String()}}
	breakdown, err := get[ingestclient.Breakdown](v, path+"/breakdown", query)
	table := siteTable{Name: name, Breakdown: breakdown}
	if len(dimensions) > 1 {
		for _, d := range dimensions {
			table.Choices = append(table.Choices, choice{string(d), dimensionTitles[d].many, d == by})
		}
	}
	query.Set("format", "csv")
	query.Set("limit", strconv.Itoa(history.MaxValues))
	table.CSV = api.Prefix + path + "/breakdown?" + query.Encode()
	return table, err
}

// importLabels returns the labels of the newest imports of a site, if its history has any.
func importLabels(v *visit, h ingestclient.History) (map[uint64]string, error) {
	labels := map[uint64]string{}
	if !slices.ContainsFunc(h.Points, func(p history.SeriesPoint) bool { return p.Import != 0 }) {
		return labels, nil
	}
	imports, err := get[List[importview.Import]](v, "/imports", url.Values{"site": {h.Site}, "limit": {"200"}})
	for _, i := range imports.Items {
		labels[uint64(i.ID)] = i.Label
	}
	return labels, err
}

// rangesOf returns the ranges that the page offers.
func rangesOf(query url.Values, present calendar.Day) []dayChoice {
	ranges := []dayChoice{{Title: "All"}}
	for _, r := range []struct {
		title string
		days  calendar.Day
	}{{"12 months", 365}, {"90 days", 90}, {"30 days", 30}, {"7 days", 7}} {
		ranges = append(ranges, dayChoice{Title: r.title, From: (present - r.days + 1).String(), To: present.String()})
	}
	for i, r := range ranges {
		ranges[i].Current = r.From == query.Get("from") && r.To == query.Get("to")
	}
	return ranges
}

// CSV returns the path of the file of the chart.
func (s siteShown) CSV() string {
	h := s.History
	return api.Prefix + sitePath(s.Domain) + "/history?" + url.Values{
		"metric": {string(h.Metric)}, "interval": {string(h.Interval)}, "from": {h.From.String()}, "to": {h.To.String()},
		"format": {"csv"},
	}.Encode()
}

// Chart draws the history: live events first, then each import, the newest first.
func (s siteShown) Chart() template.HTML {
	h := s.History
	starts := h.Interval.Periods(calendar.Range{First: h.From, Last: h.To})
	period := make(map[calendar.Day]int, len(starts))
	for i, start := range starts {
		period[start] = i
	}
	values := map[uint64][]float64{}
	for _, p := range h.Points {
		if values[p.Import] == nil {
			values[p.Import] = gaps(len(starts))
		}
		if i, ok := period[p.Start]; ok {
			values[p.Import][i] = float64(p.Value)
		}
	}
	var series []chart.Series
	for _, id := range slices.SortedFunc(maps.Keys(values), newestFirst) {
		series = append(series, s.series(id, values[id]))
	}
	var marks []chart.Mark
	if s.NativeStart != nil && h.From < *s.NativeStart && *s.NativeStart <= h.To {
		marks = append(marks, chart.Mark{Period: period[h.Interval.Start(*s.NativeStart)], Label: "live events"})
	}
	return chart.Stacked(chart.Time{
		Title: fmt.Sprintf("%s of %s by %s", h.Metric, h.Site, h.Interval),
		Description: fmt.Sprintf("From %s to %s: %s %s in all, from live events and from imports. The CSV file has them all.",
			dayText(h.From), dayText(h.To), number(h.Total), h.Metric),
		Starts: starts, Interval: chart.Interval(h.Interval), Series: series, Marks: marks,
	})
}

// newestFirst orders the origins of a history: 0, which is live events, then imports from the newest on.
func newestFirst(a, b uint64) int {
	if a == 0 || b == 0 {
		return cmp.Compare(a, b)
	}
	return cmp.Compare(b, a)
}

// series is what an import has brought in, or live events have.
func (s siteShown) series(id uint64, values []float64) chart.Series {
	if id == 0 {
		return chart.Series{Name: "Live events", Values: values}
	}
	name := fmt.Sprintf("Import %d", id)
	if label := s.labels[id]; label != "" {
		name += ", " + label
	}
	return chart.Series{Name: name, Href: fmt.Sprintf("/imports/%d", id), Values: values}
}

func gaps(n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = chart.Gap()
	}
	return values
}

// Bars draws the table.
func (t siteTable) Bars() template.HTML {
	spec := chart.Bars{
		Title: t.Title, Label: dimensionTitles[t.By].one, Value: "Visitors", Total: float64(t.Total.Visitors),
	}
	for _, value := range t.Values {
		label, note := valueText(t.By, value)
		spec.Rows = append(spec.Rows, chart.Bar{Label: label, Note: note, Value: float64(value.Visitors)})
	}
	return chart.HorizontalBars(spec)
}

// More is the number of values that the table does not show.
func (t siteTable) More() uint64 { return t.Different - uint64(len(t.Values)) }

// valueText returns a value of a dimension for people, and what is behind it.
func valueText(by history.Dimension, v history.BreakdownValue) (label, note string) {
	switch {
	case by == history.BySources && v.Value == "":
		return "Direct or unknown", ""
	case v.Value == "", by == history.ByCities && v.Value == "0":
		return "Unknown", ""
	case by == history.ByCountries:
		return country(v.Value), v.Value
	case by == history.ByCities:
		return "City " + v.Value, country(v.Country)
	case by == history.ByRegions:
		return v.Value, country(v.Country)
	}
	return v.Value, ""
}

// country returns the English name of a country, or the code itself.
func country(code string) string {
	region, err := language.ParseRegion(code)
	if err != nil || !region.IsCountry() {
		return code
	}
	return cmp.Or(display.English.Regions().Name(region), code)
}
