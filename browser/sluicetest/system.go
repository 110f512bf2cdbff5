// Package sluicetest is the Sluice that `sluice-dev exec --server` runs around the tests: its server, worker,
// store and warehouse.
package sluicetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/listentest"
	"github.com/sluicehq/sluice/internal/polltest"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	"github.com/sluicehq/sluice/store"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	importstore "github.com/sluicehq/sluice/store/importing"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// wait bounds what a test waits for, on a busy machine too, and poll is how often it looks.
const (
	wait = time.Minute
	poll = 50 * time.Millisecond
)

// System is the running Sluice.
type System struct {
	// Server is the address at which it takes events, host:port.
	Server string
	// Store is its store.
	Store *dispatchstore.Store

	tb        testing.TB
	warehouse driver.Conn
}

// Connect connects to the running Sluice.
func Connect(tb testing.TB) *System {
	tb.Helper()
	s := &System{tb: tb, Server: variable(tb, "SLUICE_SERVER_LISTEN")}
	var err error
	s.Store, err = dispatchstore.Open(tb.Context(), store.Config{DSN: variable(tb, "SLUICE_STORE_DSN")}, nil)
	require.NoError(tb, err)
	tb.Cleanup(s.Store.Close)
	options, err := clickhouse.ParseDSN(variable(tb, "SLUICE_WAREHOUSE_DSN"))
	require.NoError(tb, err)
	s.warehouse, err = clickhouse.Open(options)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.warehouse.Close()) })
	return s
}

func variable(tb testing.TB, name string) string {
	tb.Helper()
	value := os.Getenv(name)
	require.NotEmpty(tb, value, "%s is not set: run the tests by `make test PKG=./browsertest/...`, or by "+
		"`./bin/sluice-dev exec --server -- go -C browser test ./...`", name)
	return value
}

// Context returns a context for one call.
func (s *System) Context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(s.tb.Context(), wait)
}

// AddSite adds a site below .example with settings of its own, and returns it once the server takes its events.
func (s *System) AddSite(tb testing.TB, change ingestclient.SiteChange) importstore.Site {
	tb.Helper()
	ctx, cancel := s.Context()
	defer cancel()
	name := strings.ToLower(rand.Text()) + ".example"
	site, err := s.Store.Imports.AddSite(ctx, importstore.NewSite{Domain: "shop-" + name, TimeZone: "UTC"})
	require.NoError(tb, err)
	// The server knows the former domain as soon as it knows the other settings.
	former := "former-" + name
	change.FormerDomains = append(change.FormerDomains, former)
	_, err = (&ingestclient.Sites{Store: ingeststore.New(s.Store.Store)}).Set(ctx, site.Domain, change)
	require.NoError(tb, err)
	polltest.Until(tb, func(c *polltest.Check) {
		_, reason, _ := strings.Cut(s.dropped(c, former), "=")
		require.Equal(c, "bot", reason)
	}, wait, poll)
	return site
}

// dropped sends the event of a bot, which is stored in no case, and returns why it was dropped.
func (s *System) dropped(c *polltest.Check, domain string) string {
	ctx, cancel := s.Context()
	defer cancel()
	body := strings.NewReader(fmt.Sprintf(`{"n":"pageview","u":"http://%s/","d":%q}`, domain, domain))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.Server+"/api/event", body)
	require.NoError(c, err)
	request.Header.Set("User-Agent", "Googlebot/2.1")
	response, err := http.DefaultClient.Do(request)
	require.NoError(c, err)
	require.NoError(c, response.Body.Close())
	require.Equal(c, http.StatusAccepted, response.StatusCode)
	return response.Header.Get("X-Sluice-Dropped")
}

// Select reads the rows of a query on the warehouse into a slice of structs.
func (s *System) Select(rows any, query string, args ...any) error {
	ctx, cancel := s.Context()
	defer cancel()
	return s.warehouse.Select(ctx, rows, query, args...)
}

// Serve runs another server of the system, whose environment has these variables, NAME=value, until the test ends. It
// returns the address at which it listens.
func (s *System) Serve(tb testing.TB, variables ...string) string {
	tb.Helper()
	listen, health := listentest.FreeAddress(tb), listentest.FreeAddress(tb)
	ctx, stop := context.WithCancel(context.Background())
	program := variable(tb, "SLUICE_DEV_BIN")
	server := exec.CommandContext(ctx, program, "serve") //nolint:gosec // G204: it is the program under test
	server.Env = append(os.Environ(), "SLUICE_SERVER_LISTEN="+listen, "SLUICE_SERVER_HEALTH_LISTEN="+health)
	server.Env = append(server.Env, variables...)
	output, err := os.CreateTemp(tb.TempDir(), "server-*.log")
	require.NoError(tb, err)
	server.Stdout, server.Stderr = output, output
	// Requests that are running get their answers.
	server.Cancel = func() error { return server.Process.Signal(os.Interrupt) }
	server.WaitDelay = wait
	require.NoError(tb, server.Start())
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	tb.Cleanup(func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			require.NoError(tb, err)
		}
		require.NoError(tb, output.Close())
	})
	polltest.Until(tb, func(c *polltest.Check) {
		log, err := os.ReadFile(output.Name())
		require.NoError(c, err)
		require.Equal(c, http.StatusOK, status(ctx, c, "http://"+health+"/readyz"), string(log))
	}, wait, poll)
	return listen
}

// status returns the status of the answer to GET.
func status(ctx context.Context, c *polltest.Check, url string) int {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	require.NoError(c, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(c, err)
	require.NoError(c, response.Body.Close())
	return response.StatusCode
}
