package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/danielgtaylor/huma/v2/negotiation"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/spreadsheet"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	"github.com/sluicehq/sluice/warehouse/history"
)

// Media types of a table.
const (
	mediaJSON = "application/json"
	mediaCSV  = "text/csv"
)

// aboutDays ends the descriptions of the operations of the history.
const aboutDays = "A range has at most 7,320 days; what is left out ends with the history of the site. Days are " +
	"those of the site's time zone. Visitors are counted by day, and sums of days count a person on each day again. " +
	"`sql` is the query, to be run in ClickHouse. `format=csv`, or `Accept: text/csv`, returns CSV, in which an " +
	"apostrophe precedes a value that a spreadsheet would take for a formula."

// histories adds the operations of the history of sites.
func (a *API) histories() {
	register(a, a.tabular(operation{
		id: "show-site-history", method: http.MethodGet, path: "/sites/{site}/history", tag: tagSites,
		summary: "Show a metric of a site over time", need: access.PermissionRead, reach: reachSite,
		description: "Native and imported data as one history, no day twice, by origin. " + aboutDays,
	}, a.schemaOf(typeOf[ingestclient.History]())), a.showHistory)
	register(a, a.tabular(operation{
		id: "show-site-breakdown", method: http.MethodGet, path: "/sites/{site}/breakdown", tag: tagSites,
		summary: "Show the most frequent pages, sources, locations or devices of a site", need: access.PermissionRead,
		reach:       reachSite,
		description: "Native and imported data as one history, no day twice. " + aboutDays,
	}, a.schemaOf(typeOf[ingestclient.Breakdown]())), a.showBreakdown)
	register(a, operation{
		id: "list-site-histories", method: http.MethodGet, path: "/site-histories", tag: tagSites,
		summary: "List sites with the visitors of their last days", need: access.PermissionRead, reach: reachSome,
		description: "By domain, with the first and the last day that have data. Native and imported data are one history.",
	}, a.listHistories)
}

type recentInput struct {
	Page
	SiteText
	Days int `query:"days" minimum:"1" maximum:"92" default:"30" doc:"Number of days, up to the present one of each site."`
}

// maxRecent is the number of sites of a page of list-site-histories: with the one after it, as many as one query takes.
const maxRecent = history.MaxSites - 1

func (a *API) listHistories(ctx context.Context, in *recentInput) (*List[ingestclient.RecentHistory], error) {
	in.Limit = min(in.Limit, maxRecent)
	read := func(scope access.Scope, after string, limit int) ([]ingestclient.RecentHistory, error) {
		return a.siteClient().Recent(ctx, scope, in.Text, after, limit, in.Days)
	}
	return scopedPage(ctx, in.Page, read, func(h ingestclient.RecentHistory) string { return h.Site })
}

// Format is the input of an operation that returns a table.
type Format struct {
	Format string `query:"format" enum:"json,csv" doc:"Replaces what Accept says."`
}

// csv tells whether the client wants CSV.
func (f Format) csv(ctx context.Context) bool {
	if f.Format != "" {
		return f.Format == "csv"
	}
	r, _ := exchangeOf(ctx)
	return negotiation.SelectQValueFast(r.Header.Get("Accept"), []string{mediaJSON, mediaCSV}) == mediaCSV
}

// HistoryDays is the input of an operation on days of a site.
type HistoryDays struct {
	From string `query:"from" format:"date" doc:"First day." example:"2026-01-01"`
	To   string `query:"to" format:"date" doc:"Last day." example:"2026-01-31"`
}

func (d HistoryDays) days() (days ingestclient.HistoryDays, err error) {
	for _, end := range []struct {
		name, text string
		into       **calendar.Day
	}{{"from", d.From, &days.From}, {"to", d.To, &days.To}} {
		if end.text == "" {
			continue
		}
		day, err := calendar.ParseDay(end.text)
		if err != nil {
			return days, invalidParameter(end.name, err.Error())
		}
		*end.into = &day
	}
	return days, nil
}

type historyInput struct {
	SitePath
	HistoryDays
	Format
	Metric   string `query:"metric" enum:"visitors,pageviews,visits" default:"visitors" doc:"What is counted."`
	Interval string `query:"interval" enum:"day,week,month" doc:"Length of a period; weeks begin on Monday. By default days up to 92 days, weeks up to two years, then months."`
}

func (a *API) showHistory(ctx context.Context, in *historyInput) (*huma.StreamResponse, error) {
	days, err := in.days()
	if err != nil {
		return nil, err
	}
	site, err := a.siteClient().Show(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	h, err := a.siteClient().History(ctx, site, ingestclient.HistoryQuery{
		Metric: history.Metric(in.Metric), Interval: history.Interval(in.Interval), Days: days,
	})
	if err != nil {
		return nil, err
	}
	return tableAnswer(ctx, in.Format, h, fmt.Sprintf("%s-%s-%s-%s", h.Site, h.Metric, h.From, h.To))
}

type breakdownInput struct {
	SitePath
	HistoryDays
	Format
	By    string `query:"by" enum:"pages,sources,countries,regions,cities,browsers,operating_systems,devices" required:"true" doc:"What the figures are divided by."`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"10" doc:"Maximum number of values."`
}

func (a *API) showBreakdown(ctx context.Context, in *breakdownInput) (*huma.StreamResponse, error) {
	days, err := in.days()
	if err != nil {
		return nil, err
	}
	site, err := a.siteClient().Show(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	b, err := a.siteClient().Breakdown(ctx, site, ingestclient.BreakdownQuery{
		By: history.Dimension(in.By), Days: days, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	return tableAnswer(ctx, in.Format, b, fmt.Sprintf("%s-%s-%s-%s", b.Site, b.By, b.From, b.To))
}

// schemaOf returns the schema of an answer.
func (a *API) schemaOf(t reflect.Type) *huma.Schema {
	return a.huma.OpenAPI().Components.Schemas.Schema(t, true, t.Name())
}

// tabular describes an operation that returns a table, in JSON or as CSV.
func (a *API) tabular(o operation, schema *huma.Schema) operation {
	o.responses = map[string]*huma.Response{"200": {
		Description: "OK",
		Content: map[string]*huma.MediaType{
			mediaJSON: {Schema: schema},
			mediaCSV:  {Schema: &huma.Schema{Type: huma.TypeString, Description: "A header and a line for each row."}},
		},
	}}
	return o
}

// tableAnswer answers with a table: a value in JSON, or its rows as a file of CSV with a name.
func tableAnswer(
	ctx context.Context, f Format, table interface{ Rows() [][]string }, name string,
) (*huma.StreamResponse, error) {
	var body bytes.Buffer
	media, write := mediaJSON, func() error { return json.NewEncoder(&body).Encode(table) }
	if f.csv(ctx) {
		media, write = mediaCSV, func() error { return spreadsheet.Write(&body, table.Rows()) }
	}
	if err := write(); err != nil {
		return nil, fmt.Errorf("encode the answer: %w", err)
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		_, w := humago.Unwrap(ctx)
		w.Header().Set("Content-Type", media)
		w.Header().Set("Vary", "Accept")
		if media == mediaCSV {
			w.Header().Set("Content-Type", spreadsheet.MediaType)
			w.Header().Set("Content-Disposition", spreadsheet.Attachment(name))
		}
		// The client may have gone.
		_, _ = w.Write(body.Bytes()) //nolint:errcheck // see above
	}}, nil
}
