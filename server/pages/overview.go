package pages

import (
	"net/url"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/server/api"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
)

// overview adds the first page.
func (p *Pages) overview() {
	p.nav("", "/", "Overview", access.PermissionRead, false)
	p.page("GET /{$}", "overview", p.overviewPage)
}

// overviewShown is what needs a person, and what is under way.
type overviewShown struct {
	// Waiting are imports that need a decision, and Failed those that have failed last.
	Waiting, Running, Failed List[importview.Import]
	// Schedules are those that are paused, or whose last run has not succeeded, among the first ones, as many as Looked,
	// if there are more.
	Schedules []scheduleView
	Looked    int
	// All tells whether the reader sees what belongs to no site: Syncs, and Traffic, which is nil while the warehouse does
	// not answer.
	All     bool
	Syncs   syncSummary
	Traffic *trafficView
}

// syncSummary is how fresh syncs are.
type syncSummary struct {
	OnTime, Late, Failed, Paused int
	// Counted is the number of syncs if there are more, 0 if all are counted.
	Counted int
	// Wanting are those that are late or have failed, at most maxWanting.
	Wanting []syncView
}

// overviewLimit is the number of imports of each kind, maxCounted that of syncs that are counted, and maxWanting
// that of syncs that are listed.
const (
	overviewLimit = "10"
	maxCounted    = 2000
	maxWanting    = 50
)

func (p *Pages) overviewPage(v *visit) (any, error) {
	var shown overviewShown
	for _, read := range []struct {
		into   *List[importview.Import]
		status string
	}{
		{&shown.Waiting, "parked,in_review"}, {&shown.Running, "running,queued"}, {&shown.Failed, "failed"},
	} {
		list, err := get[List[importview.Import]](v, "/imports", url.Values{
			"status": {read.status}, "limit": {overviewLimit},
		})
		if err != nil {
			return nil, err
		}
		*read.into = list
	}
	schedules, err := get[List[scheduleView]](v, "/schedules", url.Values{"limit": {"200"}})
	if err != nil {
		return nil, err
	}
	for _, s := range schedules.Items {
		if s.Paused || s.Failed() {
			shown.Schedules = append(shown.Schedules, s)
		}
	}
	if schedules.Next != "" {
		shown.Looked = len(schedules.Items)
	}
	if shown.All = v.who.Sites.All(); !shown.All {
		return shown, nil
	}
	syncs, more, err := firstSyncs(v)
	if err != nil {
		return nil, err
	}
	shown.Syncs = summarise(syncs)
	if more {
		shown.Syncs.Counted = len(syncs)
	}
	traffic, err := get[ingestclient.AllTraffic](v, "/ingestion/traffic", nil)
	if err == nil {
		shown.Traffic = &trafficView{traffic}
	}
	// The other blocks are of use without the warehouse.
	var away *api.Problem
	return shown, asProblem(err, &away)
}

// firstSyncs returns the first maxCounted syncs, and whether there are more.
func firstSyncs(v *visit) (first []syncView, more bool, err error) {
	for sync, err := range getEach[syncView](v, "/syncs", url.Values{}) {
		switch {
		case err != nil:
			return nil, false, err
		case len(first) == maxCounted:
			return first, true, nil
		}
		first = append(first, sync)
	}
	return first, false, nil
}

// summarise counts syncs by their freshness.
func summarise(syncs []syncView) (s syncSummary) {
	for _, view := range syncs {
		switch {
		case view.State == syncclient.StatePaused:
			s.Paused++
			continue
		case view.Failed():
			s.Failed++
		case view.State == syncclient.StateLate:
			s.Late++
		default:
			s.OnTime++
			continue
		}
		if len(s.Wanting) < maxWanting {
			s.Wanting = append(s.Wanting, view)
		}
	}
	return s
}
