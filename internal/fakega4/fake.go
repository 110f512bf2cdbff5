// Package fakega4 is Google Analytics as its APIs present it, without Google: for tests of
// importers, and for trying them offline.
//
// It follows Google's documentation as of 2026:
//
//   - OAuth 2.0: refresh tokens
//     (https://developers.google.com/identity/protocols/oauth2/web-server#offline) and
//     service accounts (https://developers.google.com/identity/protocols/oauth2/service-account)
//   - Admin API v1beta: accountSummaries.list, properties.get
//     (https://developers.google.com/analytics/devguides/config/admin/v1/rest)
//   - Data API v1beta: properties.runReport, properties.batchRunReports, their quotas
//     (https://developers.google.com/analytics/devguides/reporting/data/v1/rest)
//   - errors: google.rpc.Status (https://cloud.google.com/apis/design/errors)
//
// What it leaves out it refuses with 501 UNIMPLEMENTED: comparisons, cohorts, filters of
// metrics, several date ranges. It knows the dimensions and metrics that websites have and
// no others, and prices requests by a formula of its own, as Google's is not published.
package fakega4

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/internal/fakefault"
)

// Credentials that the fake accepts, besides the key of ServiceAccountKey.
const (
	ClientID     = "fake-client.apps.googleusercontent.com"
	ClientSecret = "fake-client-secret-5f3a9c"    //nolint:gosec // G101: a fake's
	RefreshToken = "1//fake-refresh-token-8d21e7" //nolint:gosec // G101: a fake's
)

// DefaultProperty is the number of the property that has data.
const DefaultProperty = "428685906"

// EmptyProperty is the number of a property that may be read but has no data.
const EmptyProperty = "428685907"

// Config says what the fake has and does. The zero value is a month of little data with
// the quotas of a standard property.
type Config struct {
	// Seed makes other data. The same seed, days and rows give the same data.
	Seed uint64
	// Days is how many days have data, the last being yesterday. Defaults to 31.
	Days int
	// RowsPerDay is how many rows a day has in the largest reports, those by page, and how
	// many visits. Defaults to 20.
	RowsPerDay int
	// Undated is how many visits have the date "(other)", as in rows that Google folds
	// together. They are in every report, whatever its date range.
	Undated int
	// Folded is how many visits a day have all values of their dimensions, but the date,
	// folded into "(other)".
	Folded int
	// Dir is a folder of recorded answers, one file a report, *.json, each in the shape of
	// an answer of batchRunReports or runReport. They replace generated data.
	Dir string
	// TimeZone is the properties' time zone. Defaults to "UTC".
	TimeZone string
	// Metadata is what reports say of themselves besides time zone and currency.
	Metadata Metadata
	// TotalsOff is added to every total, so that it does not agree with the rows.
	TotalsOff int64
	// Latency is how long every answer takes.
	Latency time.Duration
	// TokenTTL is how long access tokens are valid. Defaults to 3599 s, as Google's.
	TokenTTL time.Duration
	// Quotas are those of each property. Fields that are 0 default to a standard property's.
	Quotas Quotas
	// Now is the clock by which tokens expire and quotas are reset. Defaults to time.Now.
	Now func() time.Time
}

// Server answers like Google. It is an http.Handler, safe for concurrent use.
type Server struct {
	cfg    Config
	zone   *time.Location
	source source
	mux    *http.ServeMux
	auth   authority
	faults fakefault.Faults
	quotas quotas
}

// source has the data.
type source interface {
	// tabulate returns the rows of a report in no particular order.
	tabulate(q *query) (*table, *rpcError)
}

// New returns a fake. The error is about Dir or TimeZone.
func New(cfg Config) (*Server, error) {
	cfg.Days = cmp.Or(cfg.Days, 31)
	cfg.RowsPerDay = cmp.Or(cfg.RowsPerDay, 20)
	cfg.TimeZone = cmp.Or(cfg.TimeZone, "UTC")
	cfg.TokenTTL = cmp.Or(cfg.TokenTTL, 3599*time.Second)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	zone, err := time.LoadLocation(cfg.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("time zone: %w", err)
	}
	s := &Server{cfg: cfg, zone: zone, mux: http.NewServeMux()}
	s.auth = authority{now: cfg.Now, ttl: cfg.TokenTTL, issued: map[string]time.Time{}}
	s.quotas = quotas{limits: cfg.Quotas.withDefaults(), now: cfg.Now, used: map[string]*usage{}}
	if cfg.Dir != "" {
		s.source, err = readRecorded(cfg.Dir)
	} else {
		s.source, err = newGenerator(cfg, zone), nil
	}
	if err != nil {
		return nil, err
	}
	s.routes()
	return s, nil
}

// Property is the resource name of the property that has data.
func (s *Server) Property() string { return "properties/" + DefaultProperty }

func (s *Server) routes() {
	s.mux.HandleFunc("POST /token", s.faulty("token", s.token))
	s.mux.HandleFunc("GET /v1beta/accountSummaries", s.faulty("accountSummaries", s.authorized(s.accountSummaries)))
	s.mux.HandleFunc("GET /v1beta/properties/{property}", s.faulty("properties", s.authorized(s.property)))
	s.mux.HandleFunc("POST /v1beta/properties/{call}", s.reports)
	s.mux.HandleFunc("POST /control/faults", s.controlFaults)
	s.mux.HandleFunc("DELETE /control/faults", s.faults.Control)
	s.mux.HandleFunc("POST /control/quotas/{quota}/exhaust", s.controlExhaust)
	s.mux.HandleFunc("POST /control/tokens/revoke", s.controlRevoke)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, &rpcError{Code: http.StatusNotFound, Status: "NOT_FOUND", Message: "Method not found."})
	})
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }
