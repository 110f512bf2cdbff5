// Package googleanalytics4 imports the history of a Google Analytics 4 property through
// Google's Analytics Data API: nine reports, each of which fills one imported table.
//
// It follows Google's documentation of the API's methods, dimensions and quotas:
// https://developers.google.com/analytics/devguides/reporting/data/v1
package googleanalytics4

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/outbound"
)

// Name is the importer's name in the registry, and that of the kind of its connections.
const Name = "google_analytics_4"

// Limits of requests.
const (
	// DefaultPageRows is the default number of rows of a request: large enough for few
	// requests, which cost quota, and small enough for a timely response that fits into
	// memory twice for each part.
	DefaultPageRows = 50_000
	// MaxPageRows is the API's limit.
	MaxPageRows = 250_000
	// RequestTimeout bounds one request.
	RequestTimeout = 80 * time.Second
	// MaxConcurrentRequests is the maximum number of concurrent requests for one property in
	// this process: the API's limit for a standard property.
	MaxConcurrentRequests = 10
)

// Config configures an importer. The zero value is suitable for production.
type Config struct {
	// PageRows is the number of rows of a request, at most MaxPageRows. Defaults to
	// DefaultPageRows. Chunks do not depend on it.
	PageRows int
	// Guard restricts the addresses of endpoints named by connections. Defaults to none.
	// Google's hosts are always allowed.
	Guard outbound.Guard
	// Transport sends the requests. Defaults to a transport that dials addresses allowed by
	// the guard, and Google's hosts with the settings of http.DefaultTransport.
	Transport http.RoundTripper
	// Now returns the time, for the reset of quotas. Defaults to time.Now.
	Now func() time.Time
	// Jitter returns a random duration below the limit, which spreads requests that wait for
	// the same time. Defaults to a uniform distribution.
	Jitter func(limit time.Duration) time.Duration
	// SourceName returns the name under which a traffic source is stored, for instance
	// "Hacker News" for "news.ycombinator.com". Defaults to a table of well-known ones.
	SourceName func(source string) string
}

func (c Config) withDefaults() Config {
	if c.PageRows <= 0 {
		c.PageRows = DefaultPageRows
	}
	c.PageRows = min(c.PageRows, MaxPageRows)
	if c.Transport == nil {
		c.Transport = newTransport(c.Guard)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Jitter == nil {
		c.Jitter = rand.N[time.Duration]
	}
	if c.SourceName == nil {
		c.SourceName = sourceName
	}
	return c
}

// Importer imports Google Analytics 4 properties. It caches access tokens and quotas in memory, and
// is safe for concurrent use.
// memory, and is safe for concurrent use.
type Importer struct {
	cfg     Config
	tokens  tokenCache
	quotas  quotaBook
	limiter limiter
	reports []*report
	// maxAnswer is the size limit of a response in bytes; tests lower it.
	maxAnswer int64
}

var _ importers.Importer = (*Importer)(nil)

// New returns an importer of Google Analytics 4 properties.
func New(cfg Config) *Importer {
	cfg = cfg.withDefaults()
	return &Importer{cfg: cfg, reports: newReports(cfg.SourceName), maxAnswer: maxAnswer}
}

// Name returns "google_analytics_4".
func (*Importer) Name() string { return Name }

// Label returns the name for users.
func (*Importer) Label() string { return "Google Analytics 4" }

// EmailTemplate names the templates of the mails about this kind of import.
func (*Importer) EmailTemplate() string { return "google_analytics_import" }

// BeforeStart checks that the property is readable and has data. It warns if the property and the
// site have different time zones.
func (g *Importer) BeforeStart(ctx context.Context, imp importers.Import) (json.RawMessage, error) {
	args, err := decodeStored(imp.Args)
	if err != nil {
		return nil, err
	}
	if err := g.inTime(args); err != nil {
		return nil, err
	}
	c, err := g.client(ctx, imp, args)
	if err != nil {
		return nil, err
	}
	found, err := c.findDays(ctx, args, imp.Feedback)
	if err != nil {
		return nil, err
	}
	var warnings []string
	if found.timeZone != "" && found.timeZone != imp.Site.TimeZone {
		warnings = append(warnings, fmt.Sprintf("%s has the time zone %s, the site has %s: imported days are those of "+
			"the property", args.Property, found.timeZone, imp.Site.TimeZone))
	}
	if zone, err := time.LoadLocation(found.timeZone); err == nil && found.days.Last >= dayIn(g.cfg.Now(), zone) {
		warnings = append(warnings, fmt.Sprintf("%s has not ended yet in %s: later data of that day will be missing",
			found.days.Last, found.timeZone))
	}
	return nil, warn(ctx, imp.Feedback, warnings...)
}

// easternmost is the zone in which a day begins first.
var easternmost = time.FixedZone("UTC+14", 14*60*60)

// inTime rejects days for which no property can have data yet.
func (g *Importer) inTime(args Args) error {
	if today := dayIn(g.cfg.Now(), easternmost); args.StartDate != nil && *args.StartDate > today {
		return importers.Permanent(importers.ClassInput, fmt.Errorf(
			`argument "start_date": %s is in the future: want a day up to today, %s`, *args.StartDate, today))
	}
	return nil
}

// Finalize writes a summary to the import's log.
func (*Importer) Finalize(ctx context.Context, imp importers.Import, result importers.Result) error {
	err := imp.Feedback.Info(ctx, fmt.Sprintf(
		"Google Analytics reports read: %d rows, of which %d loaded, %d rejected, %d out of range and %d left out",
		result.RowsRead, result.RowsLoaded, result.RowsRejected, result.RowsOutOfRange, result.RowsLeftOut))
	if err != nil {
		return fmt.Errorf("write feedback: %w", err)
	}
	return nil
}

// OnSuccess does nothing: nothing was changed at Google.
func (*Importer) OnSuccess(context.Context, importers.Import, importers.Result) error { return nil }

// OnFailure does nothing: nothing was changed at Google.
func (*Importer) OnFailure(context.Context, importers.Import, string) error { return nil }
