// Package api is the REST API of Sluice: operations as HTTP requests, described by an OpenAPI document. A handler only
// translates; package starter has the operations, and the stores answer what is read.
//
// Each resource has a file, and each operation is added by register, which takes the permission that it needs and how
// the sites of the caller limit it.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"golang.org/x/sync/semaphore"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/refdata"
	"github.com/sluicehq/sluice/internal/delay"
	"github.com/sluicehq/sluice/internal/faults"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/internal/uploading"
	"github.com/sluicehq/sluice/starter"
	accessclient "github.com/sluicehq/sluice/starter/access"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	servingstore "github.com/sluicehq/sluice/store/serving"
	"github.com/sluicehq/sluice/warehouse"
)

// Paths of the API.
const (
	// Prefix is the beginning of the paths of all operations.
	Prefix = "/api/v1"
	// DocumentPath is the path of the OpenAPI document, DocsPath that of the page made from it.
	DocumentPath = "/api/openapi.json"
	DocsPath     = "/api/docs"
)

// Limits of the requests of a server together. Others are answered with 503.
const (
	// maxRequests is the number of requests at a time, streams excluded.
	maxRequests = 256
	// maxBodies is the size of their bodies, in bytes.
	maxBodies = 64 << 20
)

// Config is what the API needs.
type Config struct {
	// Starter has the operations of imports and schedules. Required.
	Starter *starter.Starter
	// Deliveries has the operations of events and of the actions of destinations. Required.
	Deliveries *deliveryclient.Client
	// Connections has the connections and their kinds. Required.
	Connections *connections.Connections
	// Warehouse has the rows of previews and rejects. Required.
	Warehouse *warehouse.Warehouse
	// EventLog has the partitions of show-ingestion. Without one they are left out.
	EventLog *eventlog.Log
	// Pipeline has what the servers do with traffic of programs, for try-event. Its other fields are not used.
	Pipeline ingest.Config
	// Refdata returns the reference data of try-event, or nil until they are loaded. Required.
	Refdata func() *refdata.Store
	// Uploads keeps uploaded files. Required.
	Uploads *uploading.Folder
	// FetchGuard restricts the addresses that files are fetched from. The zero value allows none.
	FetchGuard outbound.Guard
	// Authenticator finds out who a request is from. Required.
	Authenticator Authenticator
	// Address returns the IP address of a request's client, or "". Required.
	Address func(r *http.Request) string
	// Secure tells whether the client has sent a request with TLS, for the cookie of the session. Required.
	Secure func(r *http.Request) bool
	// MaxStreams is the number of streams at a time; others are answered with 503. Required.
	MaxStreams int
	// Logger is required.
	Logger *slog.Logger
	// Version is the version in the document. Required.
	Version string
}

// Validate returns every fault.
func (c Config) Validate() error {
	var f faults.Faults
	f.Check(c.Starter != nil && c.Starter.Store != nil, "starter is missing")
	f.Check(c.Deliveries != nil, "deliveries is missing")
	f.Check(c.Connections != nil && c.Connections.Registry != nil, "connections is missing")
	f.Check(c.Warehouse != nil, "warehouse is missing")
	f.Check(c.Refdata != nil, "reference data is missing")
	f.Check(c.Uploads != nil, "uploads is missing")
	f.Check(c.Authenticator != nil, "authenticator is missing")
	f.Check(c.Address != nil, "address is missing")
	f.Check(c.Secure != nil, "secure is missing")
	f.Check(c.MaxStreams >= 1, "max streams is missing")
	f.Check(c.Logger != nil, "logger is missing")
	f.Check(c.Version != "", "version is missing")
	return f.Err()
}

// API answers requests below Prefix, DocumentPath and DocsPath.
type API struct {
	cfg     Config
	log     *slog.Logger
	serving *servingstore.Store
	access  *accessclient.Client
	mux     *http.ServeMux
	huma    huma.API
	// problemSchema describes Problem.
	problemSchema *huma.Schema
	document      []byte
	origin        *http.CrossOriginProtection
	requests      *semaphore.Weighted
	bodies        *semaphore.Weighted
	uploading     *semaphore.Weighted
	logins        *semaphore.Weighted
	feed          *feed
	// stopping is closed when streams are to end.
	stopping chan struct{}
	stop     func()
}

// New returns the API. Run sweeps what it keeps.
func New(cfg Config) (*API, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configuration of the API: %w", err)
	}
	a := &API{
		cfg: cfg, log: cfg.Logger, serving: servingstore.New(cfg.Starter.Store.Store),
		access: accessclient.New(cfg.Starter.Store.Store), mux: http.NewServeMux(),
		origin: http.NewCrossOriginProtection(), requests: semaphore.NewWeighted(maxRequests),
		bodies: semaphore.NewWeighted(maxBodies), uploading: semaphore.NewWeighted(maxUploading),
		logins: semaphore.NewWeighted(maxLogins), stopping: make(chan struct{}),
	}
	a.stop = sync.OnceFunc(func() { close(a.stopping) })
	a.feed = newFeed(cfg.Starter.Store, a.serving.Now, cfg.Logger, cfg.MaxStreams)
	a.huma = humago.NewWithPrefix(a.mux, Prefix, a.documentConfig())
	a.problemSchema = a.huma.OpenAPI().Components.Schemas.Schema(typeOf[Problem](), true, "Problem")
	a.importers()
	a.imports()
	a.streams()
	a.schedules()
	a.uploads()
	a.locks()
	a.sites()
	a.siteImports()
	a.trials()
	a.refdata()
	a.histories()
	a.connections()
	a.destinations()
	a.jobs()
	a.events()
	a.flows()
	a.syncs()
	a.tokens()
	a.accounts()
	a.session()
	a.mux.HandleFunc(Prefix+"/", a.unknown)
	if err := a.serveDocument(); err != nil {
		return nil, err
	}
	return a, nil
}

// sweepInterval is how often Run looks for what has expired.
const sweepInterval = 10 * time.Minute

// Run feeds the streams, and deletes what has expired, until ctx ends.
func (a *API) Run(ctx context.Context) error {
	var feeding sync.WaitGroup
	defer feeding.Wait()
	feeding.Go(func() { a.feed.run(ctx) })
	for range delay.Rounds(ctx, sweepInterval) {
		if err := a.sweep(ctx); err != nil && ctx.Err() == nil {
			a.log.Warn("sweep of the API failed", "error", err)
		}
	}
	return nil
}

// EndStreams ends all streams and refuses others: the server stops.
func (a *API) EndStreams() {
	a.stop()
	a.feed.close()
}

// sweep deletes what has expired.
func (a *API) sweep(ctx context.Context) error {
	return errors.Join(a.serving.SweepAnswers(ctx), a.cfg.Uploads.Sweep(ctx))
}

// ServeHTTP answers a request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = withRequest(r)
	id := requestIDOf(r.Context())
	header := w.Header()
	header.Set("X-Request-Id", id)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	defer func() {
		fault := recover()
		if fault == nil {
			return
		}
		if r.Context().Err() == nil && fault != http.ErrAbortHandler { //nolint:errorlint // a value of recover
			a.log.Error("request panicked", "request_id", id, "fault", fmt.Sprint(fault), "stack", string(debug.Stack()))
		}
		// Whatever was sent is incomplete: the client must not take it for an answer.
		panic(http.ErrAbortHandler)
	}()
	if err := a.origin.Check(r); err != nil {
		a.write(w, r, newProblem(problemCrossOrigin,
			"Send the request from a page of the same origin, or with a token from a program."))
		return
	}
	if !IsStream(r) {
		if !a.requests.TryAcquire(1) {
			a.write(w, r, newProblem(problemBusy, fmt.Sprintf("%d requests are being answered: try again.", maxRequests)))
			return
		}
		defer a.requests.Release(1)
	}
	a.mux.ServeHTTP(w, r)
}

// unknown answers requests that match no operation.
func (a *API) unknown(w http.ResponseWriter, r *http.Request) {
	allowed := a.methodsOf(r)
	if len(allowed) == 0 {
		a.write(w, r, newProblem(problemNotFound, "No operation has this path: "+DocsPath+" lists them."))
		return
	}
	p := newProblem(problemMethod, "The path takes "+joined(allowed)+".")
	p.headers.Set("Allow", joined(allowed))
	a.write(w, r, p)
}

// methodsOf returns the methods of the operations with the path of a request.
func (a *API) methodsOf(r *http.Request) []string {
	var allowed []string
	for _, method := range []string{
		http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
	} {
		probe := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, pattern := a.mux.Handler(probe); pattern != "" && pattern != Prefix+"/" {
			allowed = append(allowed, method)
		}
	}
	return allowed
}
