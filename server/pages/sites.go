package pages

import (
	"errors"
	"html/template"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/server/api"
	"github.com/sluicehq/sluice/server/pages/chart"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
)

// sites adds the pages of sites.
func (p *Pages) sites() {
	p.nav("Data", "/sites", "Sites", access.PermissionRead, false)
	p.page("GET /sites", "sites", p.sitesPage)
	p.page("GET /sites/{site}", "site", p.sitePage)
}

// siteList is the page of sites.
type siteList struct {
	List[siteRow]
	// Away means that the warehouse does not answer: the sites have no figures.
	Away bool
}

// siteRow is a site with its last days.
type siteRow struct {
	ingestclient.RecentHistory
}

// Path returns the path of the page of the site.
func (s siteRow) Path() string { return sitePath(s.Site) }

// Spark draws the visitors of the last days; without data it is empty.
func (s siteRow) Spark() template.HTML {
	if len(s.Days) == 0 {
		return ""
	}
	values := gaps(int(s.To - s.From + 1))
	for _, d := range s.Days {
		values[d.Day-s.From] = float64(d.Visitors)
	}
	return chart.Sparkline(chart.Spark{
		Title:  "Visitors by day from " + dayText(s.From) + " to " + dayText(s.To) + ", " + number(s.Visitors()) + " in all",
		Values: values,
	})
}

// Visitors is the sum of the last days.
func (s siteRow) Visitors() (sum uint64) {
	for _, d := range s.Days {
		sum += d.Visitors
	}
	return sum
}

// Fresh says how old the last day with data is.
func (s siteRow) Fresh() string {
	if s.LastDay == nil {
		return "no data"
	}
	return behind(int(s.To - *s.LastDay))
}

// behind returns a number of days before the present one as text.
func behind(days int) string {
	switch {
	case days <= 0:
		return "today"
	case days == 1:
		return "yesterday"
	default:
		return plural(days, "day", "days") + " ago"
	}
}

// dayText returns a day for people: 2 Jan 2026.
func dayText(d calendar.Day) string { return d.Time().Format("2 Jan 2006") }

func (p *Pages) sitesPage(v *visit) (any, error) {
	recent, err := getPage[siteRow](v, "/site-histories", "text")
	if !away(err) {
		return siteList{List: recent}, err
	}
	// PostgreSQL knows the sites.
	query := v.passed("text")
	query.Set("limit", "200")
	listed, err := get[List[ingestclient.ListedSite]](v, "/sites", query)
	if err != nil {
		return nil, err
	}
	shown := siteList{Away: true}
	for _, site := range listed.Items {
		shown.Items = append(shown.Items, siteRow{ingestclient.RecentHistory{Site: site.Domain, TimeZone: site.TimeZone}})
	}
	return shown, nil
}

// away tells whether an error says that a database does not answer.
func away(err error) bool {
	var problem *api.Problem
	return errors.As(err, &problem) && problem.Status == http.StatusServiceUnavailable
}

// present returns the present day of a time zone, that of UTC for an unknown one.
func present(zone string) calendar.Day {
	location, err := time.LoadLocation(zone)
	if err != nil {
		location = time.UTC // the zones of this server may be older than those of another one
	}
	return calendar.DayOf(time.Now().In(location))
}
