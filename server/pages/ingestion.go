package pages

import (
	"cmp"
	"html/template"
	"maps"
	"slices"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/server/pages/chart"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
)

// ingestion adds the page of the ingestion.
func (p *Pages) ingestion() {
	p.nav("Data", "/ingestion", "Ingestion", access.PermissionRead, true)
	p.page("GET /ingestion", "ingestion", p.ingestionPage)
}

// ingestionShown is the page of the ingestion.
type ingestionShown struct {
	Writers ingestclient.Writers
	Traffic trafficView
}

// Lag is the number of messages of the event log that are not written yet.
func (i ingestionShown) Lag() (sum int64) {
	for _, p := range i.Writers.Log {
		sum += p.Lag
	}
	return sum
}

// trafficView are the numbers of events of all sites on a page.
type trafficView struct{ ingestclient.AllTraffic }

// reasonCount is a number of dropped events.
type reasonCount struct {
	Reason string
	Events uint64
}

// Dropped is the number of dropped events of the last 24 hours.
func (t trafficView) Dropped() uint64 { return sumOf(t.Dropped24h) }

// Reasons are the reasons of the dropped events, the most frequent first.
func (t trafficView) Reasons() []reasonCount { return reasonsOf(t.Dropped24h) }

// sumOf returns the sum of numbers of dropped events.
func sumOf(dropped map[string]uint64) (sum uint64) {
	for _, n := range dropped {
		sum += n
	}
	return sum
}

// reasonsOf returns numbers of dropped events by reason, the most frequent first.
func reasonsOf(dropped map[string]uint64) []reasonCount {
	var all []reasonCount
	for _, reason := range slices.Sorted(maps.Keys(dropped)) {
		all = append(all, reasonCount{reason, dropped[reason]})
	}
	slices.SortStableFunc(all, func(a, b reasonCount) int { return cmp.Compare(b.Events, a.Events) })
	return all
}

// Stored draws the stored events by hour, and DroppedHours those that were dropped.
func (t trafficView) Stored() template.HTML {
	return t.spark("Stored events by hour", func(h ingestclient.TrafficHour) uint64 { return h.Stored })
}

// DroppedHours draws the dropped events by hour.
func (t trafficView) DroppedHours() template.HTML {
	return t.spark("Dropped events by hour", func(h ingestclient.TrafficHour) uint64 { return h.Dropped })
}

func (t trafficView) spark(title string, of func(h ingestclient.TrafficHour) uint64) template.HTML {
	values := make([]float64, len(t.Hours))
	for i, h := range t.Hours {
		values[i] = float64(of(h))
	}
	return chart.Sparkline(chart.Spark{Title: title, Values: values})
}

func (p *Pages) ingestionPage(v *visit) (any, error) {
	writers, err := get[ingestclient.Writers](v, "/ingestion", nil)
	if err != nil {
		return nil, err
	}
	traffic, err := get[ingestclient.AllTraffic](v, "/ingestion/traffic", nil)
	return ingestionShown{Writers: writers, Traffic: trafficView{traffic}}, err
}
