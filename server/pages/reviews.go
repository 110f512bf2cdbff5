package pages

import (
	"encoding/json"
	"html/template"
	"math"
	"net/url"
	"slices"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/server/api"
	"github.com/sluicehq/sluice/server/pages/chart"
	"github.com/sluicehq/sluice/warehouse/history"
)

// reviews adds the pages of reviews.
func (p *Pages) reviews() {
	p.nav("Imports", "/reviews", "Reviews", access.PermissionRead, false)
	p.page("GET /reviews", "reviews", p.reviewsPage)
	p.page("GET /imports/{import}/review", "import_review", p.reviewPage)
}

func (p *Pages) reviewsPage(v *visit) (any, error) {
	return getPage[importview.Review](v, "/reviews", "site", "all")
}

// reviewShown is the page of the rows of an import.
type reviewShown struct {
	api.ImportDetails
	Comparison history.Comparison
	Previews   []importview.Preview
}

// SelfReview tells whether the reader has requested an import that needs a second person.
func (r reviewShown) SelfReview(who access.Principal) bool {
	return importShown{ImportDetails: r.ImportDetails}.SelfReview(who)
}

// May tells whether the reader may send a command now.
func (r reviewShown) May(command string) bool { return slices.Contains(r.Commands, command) }

func (p *Pages) reviewPage(v *visit) (any, error) {
	path := importPath(v)
	var shown reviewShown
	var err error
	if shown.ImportDetails, err = get[api.ImportDetails](v, path, nil); err != nil {
		return nil, err
	}
	if shown.Comparison, err = get[history.Comparison](v, path+"/comparison", nil); err != nil {
		return nil, err
	}
	previews, err := get[List[importview.Preview]](v, path+"/preview", url.Values{"limit": {"5"}})
	shown.Previews = previews.Items
	return shown, err
}

// Findings are the fields of the importer's summary, in order.
func (r reviewShown) Findings() ([]finding, error) {
	if len(r.Summary) == 0 {
		return nil, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(r.Summary, &fields); err != nil {
		// A summary is an object; another value is shown as it is.
		return []finding{{Name: "summary", Value: string(r.Summary)}}, nil //nolint:nilerr // see above
	}
	var all []finding
	for name, value := range fields {
		var text string
		if json.Unmarshal(value, &text) != nil {
			text = string(value)
		}
		all = append(all, finding{Name: name, Value: text})
	}
	slices.SortFunc(all, func(a, b finding) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return all, nil
}

// finding is a field of the importer's summary.
type finding struct{ Name, Value string }

// StagedDays are the days of the import.
func (r reviewShown) StagedDays() []history.ComparedDay {
	return slices.DeleteFunc(slices.Clone(r.Comparison.Days), func(d history.ComparedDay) bool { return d.Staged == nil })
}

// Chart draws the visitors of the import beside those of the site, by day or by longer periods.
func (r reviewShown) Chart() template.HTML {
	days := calendar.Range{First: r.Comparison.From, Last: r.Comparison.To}
	interval := history.IntervalFor(days)
	starts := interval.Periods(days)
	present, staged := make([]float64, len(starts)), make([]float64, len(starts))
	for i := range starts {
		present[i], staged[i] = chart.Gap(), chart.Gap()
	}
	for _, d := range r.Comparison.Days {
		i, found := slices.BinarySearch(starts, interval.Start(d.Day))
		if !found {
			continue
		}
		add(&present[i], d.Present)
		add(&staged[i], d.Staged)
	}
	return chart.Compare(chart.Comparison{
		Title:  "Visitors of the import beside those of the site",
		Starts: starts, Interval: chart.Interval(interval),
		Before: chart.Series{Name: "the site without it", Values: present},
		After:  chart.Series{Name: "this import", Values: staged},
	})
}

// add adds visitors to a period, which has none before.
func add(period *float64, t *history.Totals) {
	if t == nil {
		return
	}
	if math.IsNaN(*period) {
		*period = 0
	}
	*period += float64(t.Visitors)
}
