package pages

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/sluicehq/sluice/server/api"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// eventPurge adds the page that deletes old events: their number first, then the deletion.
func (p *Pages) eventPurge() {
	p.page("GET /events/purge", "event_purge", purgePage)
	p.result("POST /events/purge/count", "event_purge", countPurge)
	p.action("POST /events/purge", "event_purge", purgePage, purgeEvents)
}

// purgeForm is the page that deletes old events.
type purgeForm struct {
	// States can be asked of the jobs of an event, and Chosen are those that are.
	States, Chosen []string
	// Count is what would be deleted, and Purged what was; nil before.
	Count, Purged *api.Purged
	// Problem is why nothing was counted, or nil.
	Problem *api.Problem
}

// Has tells whether a state is chosen.
func (f purgeForm) Has(state string) bool { return slices.Contains(f.Chosen, state) }

func loadPurge(v *visit) (purgeForm, error) {
	form := purgeForm{
		States: []string{deliverystore.JobSucceeded, deliverystore.JobDiscarded, deliverystore.JobCancelled},
		Chosen: v.r.PostForm["state"],
	}
	if v.r.Method == http.MethodGet {
		form.Chosen = form.States[:1]
	}
	query := v.r.URL.Query()
	if query.Get("events") == "" {
		return form, nil
	}
	form.Purged = &api.Purged{}
	for name, into := range map[string]*int64{
		"events": &form.Purged.Events, "jobs": &form.Purged.Jobs, "transitions": &form.Purged.Transitions,
	} {
		var err error
		if *into, err = strconv.ParseInt(query.Get(name), 10, 64); err != nil {
			return form, invalid(name, "want a whole number")
		}
	}
	return form, nil
}

func purgePage(v *visit) (any, error) { return loadPurge(v) }

// typedPurge returns the purge of a form.
func typedPurge(v *visit) (api.EventPurge, error) {
	form := v.r.PostForm
	purge := api.EventPurge{
		States: form["state"], Sources: typedLines(form.Get("sources")), NotSources: typedLines(form.Get("not_sources")),
	}
	var err error
	if purge.ReceivedBefore, err = timeIn(form.Get("received_before")); err != nil || purge.ReceivedBefore.IsZero() {
		return purge, invalid("received_before", "want a time such as 2026-01-31T03:00, in UTC")
	}
	if len(purge.States) == 0 {
		return purge, invalid("state", "want at least one state")
	}
	return purge, nil
}

// countPurge shows what a purge would delete.
func countPurge(v *visit) (any, error) {
	form, err := loadPurge(v)
	if err != nil {
		return nil, err
	}
	purge, err := typedPurge(v)
	if err == nil {
		purge.DryRun = true
		form.Count = &api.Purged{}
		err = v.send(http.MethodPost, "/events/purge", purge, form.Count)
	}
	if err == nil {
		return form, nil
	}
	form.Count = nil
	err = asProblem(err, &form.Problem)
	return form, err
}

func purgeEvents(v *visit) (string, error) {
	purge, err := typedPurge(v)
	if err != nil {
		return "", err
	}
	var purged api.Purged
	if err := v.send(http.MethodPost, "/events/purge", purge, &purged); err != nil {
		return "", err
	}
	number := func(n int64) []string { return []string{strconv.FormatInt(n, 10)} }
	return "/events/purge?" + url.Values{
		"events": number(purged.Events), "jobs": number(purged.Jobs), "transitions": number(purged.Transitions),
	}.Encode(), nil
}
