// Package ometria writes records to Ometria's Data API v2
// (https://docs.ometria.com/apis/data_api_v2/).
package ometria

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/internal/faults"
	"github.com/sluicehq/sluice/internal/outbound"
)

// Limits of the Data API.
const (
	// MaxRecords is the number of records of a request.
	MaxRecords = 100
	// MaxRecordBytes is the size of a record in JSON: 60 KB.
	MaxRecordBytes = 60_000
	// MaxRequestsPerSecond is the default rate of an account's pushes.
	MaxRequestsPerSecond = 8
	// MaxAsyncErrors is the number of errors that the API keeps.
	MaxAsyncErrors = 100
)

// DefaultEndpoint is the base URL of the API.
const DefaultEndpoint = "https://api.ometria.com/v2"

// DefaultTimeout bounds a call.
const DefaultTimeout = 30 * time.Second

// maxTimeout is the maximum of Config.Timeout.
const maxTimeout = 5 * time.Minute

// maxBody bounds a response in bytes.
const maxBody = 1 << 20

// Limiter bounds the rate of requests of a connection: see MaxRequestsPerSecond. It must be safe for
// concurrent use.
type Limiter interface {
	// Wait waits until the connection may make a request.
	Wait(ctx context.Context, connection string) error
}

// Config configures a Writer.
type Config struct {
	// Key is the API key. Required.
	Key string
	// Connection names the connection in calls of the Limiter. Required.
	Connection string
	// Limiter bounds the rate. Required.
	Limiter Limiter
	// Guard restricts the addresses that are dialled. Its zero value allows none.
	Guard outbound.Guard
	// Endpoint is the base URL. Defaults to DefaultEndpoint.
	Endpoint string
	// RecordsPerRequest is the number of records of a request; more than MaxRecords are split. Defaults
	// to MaxRecords.
	RecordsPerRequest int
	// Timeout bounds a call. Defaults to DefaultTimeout.
	Timeout time.Duration
	// Now is the clock of Retry-After dates. Defaults to time.Now.
	Now func() time.Time
}

// Validate returns all faults. It never quotes the key.
func (c Config) Validate() error {
	var f faults.Faults
	f.Check(validKey(c.Key), "the API key is not valid: want 8 to 500 printable ASCII characters without blanks")
	f.Check(c.Connection != "", "connection: want a name")
	f.Check(c.Limiter != nil, "limiter: want one")
	f.Check(c.Endpoint == "" || outbound.IsEndpoint(c.Endpoint),
		"endpoint: want an http or https URL without credentials, query and fragment")
	f.Check(c.RecordsPerRequest >= 0, "records per request %d: want 1 or more", c.RecordsPerRequest)
	f.Check(c.Timeout >= 0 && c.Timeout <= maxTimeout, "timeout %s: want at most %s", c.Timeout, maxTimeout)
	return f.Err()
}

func validKey(key string) bool {
	for _, r := range key {
		if r <= ' ' || r > '~' {
			return false
		}
	}
	return len(key) >= 8 && len(key) <= 500
}

// Writer writes records to one account. It is safe for concurrent use.
type Writer struct {
	cfg  Config
	http *http.Client
}

// New returns a writer. It makes no request.
func New(cfg Config) (*Writer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.Endpoint = cmp.Or(cfg.Endpoint, DefaultEndpoint)
	if cfg.RecordsPerRequest == 0 || cfg.RecordsPerRequest > MaxRecords {
		cfg.RecordsPerRequest = MaxRecords
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, DefaultTimeout)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Writer{cfg: cfg, http: cfg.Guard.Client(outbound.Exposed)}, nil
}

// CloseIdleConnections closes connections that wait for further requests.
func (w *Writer) CloseIdleConnections() { w.http.CloseIdleConnections() }
