package apibench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"

	"github.com/sluicehq/sluice/bench/figures"
	"github.com/sluicehq/sluice/server/api"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	importstore "github.com/sluicehq/sluice/store/importing"
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

// The goals.
const (
	// goalRatio is how many times as long as its statements the median of an answer may take.
	goalRatio = 2
	// goalAPI and goalPage are how long an answer of the server may take without a queue, in milliseconds.
	goalAPI  = 50
	goalPage = 100
)

// question is what the server and the store are asked.
type question struct {
	name string
	// path returns the path and query of a request.
	path func() string
	// read executes what answers it, by the store's own code. Nil for a question that PostgreSQL does not answer.
	read func(ctx context.Context) error
	// ratio is whether goalRatio applies.
	ratio bool
}

// pageSize is the number of rows of a page of a list, and one more that tells whether there is another page.
const pageSize = 50 + 1

// rows turns the result of a query into its error: the rows are of no interest.
func rows[T any](_ T, err error) error { return err }

// listed reads imports.
func (b *bench) listed(limit int32, statuses ...string) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		return rows(b.store.Imports.Summaries(ctx, importstore.Listing{Statuses: statuses, Limit: limit}))
	}
}

// jobs reads jobs.
func (b *bench) jobs(f deliverystore.JobFilter) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		return rows(b.store.Deliveries.ListJobs(ctx, f, deliverystore.Page{Limit: pageSize}))
	}
}

// anImport returns the number of an import.
func (b *bench) anImport() int64 {
	return b.firstImport + rand.Int64N(int64(b.cfg.Imports)) //nolint:gosec // it is no secret
}

// aJob returns the ID of a job.
func (b *bench) aJob() string {
	return b.jobIDs[rand.IntN(len(b.jobIDs))] //nolint:gosec // it is no secret
}

func (b *bench) readImport(ctx context.Context) error {
	return rows(b.store.Imports.Details(ctx, b.anImport()))
}

func (b *bench) readJob(ctx context.Context) error {
	job, err := b.store.Deliveries.Job(ctx, b.aJob())
	if err != nil {
		return err
	}
	if err := rows(b.store.Deliveries.TransitionsOf(ctx, job.ID)); err != nil {
		return err
	}
	return rows(b.store.Deliveries.EditsOf(ctx, job.ID))
}

// at returns the same path for each request.
func at(path string) func() string { return func() string { return path } }

func (b *bench) api(ctx context.Context, r *figures.Report) error {
	webhook, failed := deliverystore.JobFilter{Destinations: []string{"webhook"}},
		deliverystore.JobFilter{States: []string{deliverystore.JobFailed}}
	rare := deliverystore.JobFilter{Destinations: []string{"postgres"}}
	header := http.Header{"Authorization": {"Bearer " + b.token}}
	return b.ask(ctx, r, CaseAPI, header, goalAPI, []question{
		{"list imports", at(api.Prefix + "/imports"), b.listed(pageSize), true},
		{
			"list imports, status without match", at(api.Prefix + "/imports?status=declined"),
			b.listed(pageSize, importstore.StatusDeclined), false,
		},
		{
			"list imports, status with matches", at(api.Prefix + "/imports?status=failed"),
			b.listed(pageSize, importstore.StatusFailed), true,
		},
		{
			"show an import", func() string { return fmt.Sprintf("%s/imports/%d", api.Prefix, b.anImport()) }, b.readImport,
			true,
		},
		{"list jobs, by destination", at(api.Prefix + "/jobs?destination=webhook"), b.jobs(webhook), true},
		{"list jobs, by a rare destination", at(api.Prefix + "/jobs?destination=postgres"), b.jobs(rare), true},
		{"list jobs, by state", at(api.Prefix + "/jobs?state=failed"), b.jobs(failed), true},
		{"show a job", func() string { return api.Prefix + "/jobs/" + b.aJob() }, b.readJob, true},
		{"list sites", at(api.Prefix + "/sites"), func(ctx context.Context) error {
			return rows(b.store.Imports.ListSites(ctx, importstore.SiteFilter{}, "", pageSize))
		}, true},
	})
}

func (b *bench) pages(ctx context.Context, r *figures.Report) error {
	header := http.Header{"Cookie": {api.SessionCookie + "=" + b.session}}
	return b.ask(ctx, r, CasePages, header, goalPage, []question{
		{"overview", at("/"), b.readOverview, false},
		{"/imports", at("/imports"), b.listed(pageSize), false},
		{"/jobs", at("/jobs"), func(ctx context.Context) error {
			if err := b.jobs(deliverystore.JobFilter{})(ctx); err != nil {
				return err
			}
			return rows(b.store.Deliveries.CountStates(ctx, deliverystore.JobFilter{}, 10_001))
		}, false},
		{"an import", func() string { return fmt.Sprintf("/imports/%d", b.anImport()) }, b.readImportPage, false},
		{"a site", at("/sites/" + url.PathEscape(b.site)), nil, false},
	})
}

func (b *bench) readOverview(ctx context.Context) error {
	for _, statuses := range [][]string{
		{importstore.StatusParked, importstore.StatusInReview},
		{importstore.StatusRunning, importstore.StatusQueued},
		{importstore.StatusFailed},
	} {
		if err := b.listed(11, statuses...)(ctx); err != nil {
			return err
		}
	}
	if err := rows(b.store.Imports.ListSchedules(ctx)); err != nil {
		return err
	}
	return rows(syncstore.New(b.store.Store).List(ctx, "", 201))
}

func (b *bench) readImportPage(ctx context.Context) error {
	if err := b.readImport(ctx); err != nil {
		return err
	}
	id := b.anImport()
	if err := rows(b.store.Imports.PartsAfter(ctx, id, -1, 201)); err != nil {
		return err
	}
	return rows(b.store.Imports.ListFeedback(ctx, importstore.FeedbackQuery{ImportID: id, RowLimit: 201}))
}
