package pages

import (
	"html/template"
	"math"
	"net/url"
	"slices"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/importview"
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
	importDetails
	Comparison history.Comparison
	Previews   []tablePreview
}

// tablePreview are some rows of a table.
type tablePreview struct{ importview.Preview }

// Number tells whether a column has counts.
func (p tablePreview) Number(column string) bool { return slices.Contains(p.Numbers, column) }

func (p *Pages) reviewPage(v *visit) (any, error) {
	path := importPath(v)
	var shown reviewShown
	var err error
	if shown.importDetails, err = get[importDetails](v, path, nil); err != nil {
		return nil, err
	}
	if shown.Comparison, err = get[history.Comparison](v, path+"/comparison", nil); err != nil {
		return nil, err
	}
	previews, err := get[List[tablePreview]](v, path+"/preview", url.Values{"limit": {"5"}})
	shown.Previews = previews.Items
	return shown, err
}

// Findings are the fields of the importer's summary, in order.
func (r reviewShown) Findings() ([]argument, error) {
	if len(r.Summary) == 0 {
		return nil, nil
	}
	return argumentsOf(r.Summary)
}

// StagedDays are the days of the import.
func (r reviewShown) StagedDays() []history.ComparedDay {
	return slices.DeleteFunc(slices.Clone(r.Comparison.Days), func(d history.ComparedDay) bool { return d.Staged == nil })
}

// Chart draws the visitors of the import beside those of the site, by day or by longer periods.
func (r reviewShown) Chart() template.HTML {
	days := calendar.Range{First: r.Comparison.From, Last: r.Comparison.To}
	interval := history.IntervalFor(days)
	starts := interval.Periods(days)
	present, staged := gaps(len(starts)), gaps(len(starts))
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
