package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/listentest"
	"github.com/sluicehq/sluice/server"
	"github.com/sluicehq/sluice/store"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// processEnv makes the test binary a server.
const processEnv = "SLUICE_TEST_SERVER_PROCESS"

// TestMain runs the tests, or a server for a test with several processes.
func TestMain(m *testing.M) {
	if os.Getenv(processEnv) == "" {
		os.Exit(m.Run())
	}
	if err := serveUntilEOF(); err != nil {
		slog.New(slog.NewTextHandler(os.Stderr, nil)).Error("the server has ended", "error", err)
		os.Exit(1)
	}
}

// serveUntilEOF runs a server with the settings of the environment until standard input ends, which it does with the
// test too.
func serveUntilEOF() error {
	settings, err := config.Load("", os.Environ())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		ended <- err
		cancel()
	}()
	err = server.Run(ctx, server.Config{Settings: settings, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if ctx.Err() == nil {
		return err
	}
	return errors.Join(err, <-ended)
}

// runProcess runs a server in a process of its own and waits until it is ready.
func runProcess(t *testing.T, c config.Config) *running {
	t.Helper()
	cmd := exec.Command(os.Args[0]) // It ends with its standard input.
	cmd.Env = []string{
		processEnv + "=1", "SLUICE_STORE_DSN=" + c.Store.DSN, "SLUICE_CONNECTIONS_KEYSET_FILE=" + c.Connections.KeysetFile,
		"SLUICE_SERVER_LISTEN=" + c.Server.Listen, "SLUICE_SERVER_HEALTH_LISTEN=" + c.Server.HealthListen,
		"SLUICE_SERVER_STOP_DELAY=0s", "SLUICE_SERVER_TRUSTED_PROXIES=" + c.Server.TrustedProxies,
		"SLUICE_EVENTLOG_URL=" + c.EventLog.URL, "SLUICE_EVENTLOG_TOKEN=" + c.EventLog.Token,
		"SLUICE_EVENTLOG_PARTITIONS=" + strconv.Itoa(c.EventLog.Partitions),
		"SLUICE_EVENTLOG_MAX_MIB=" + strconv.FormatInt(c.EventLog.MaxMiB, 10), "SLUICE_REFDATA_FOLDER=" + c.Refdata.Folder,
	}
	input, err := cmd.StdinPipe()
	require.NoError(t, err)
	r := &running{Config: c, done: make(chan error, 1), log: &lockedBuffer{}}
	r.cancel = sync.OnceFunc(func() { assert.NoError(t, input.Close()) })
	cmd.Stderr = r.log
	require.NoError(t, cmd.Start())
	go func() {
		r.done <- cmd.Wait()
		close(r.done)
	}()
	t.Cleanup(func() {
		r.cancel()
		require.NoError(t, r.end(t), "%s", r.log)
	})
	r.requireReady(t, http.StatusOK, "ok")
	return r
}

// Servers in processes of their own share the count of a rate limit: together they admit more than it by less than
// what each of them would admit alone, and then both refuse.
func TestRateLimitAcrossProcesses(t *testing.T) {
	t.Parallel()
	const limit = 400
	c := newSettings(t)
	ctx := enginetest.Context(t)
	opened, err := store.Open(ctx, store.Config{DSN: c.Store.DSN})
	require.NoError(t, err)
	defer opened.Close()
	_, err = ingeststore.New(opened).ChangeSite(ctx, domain, func(site *ingeststore.Site) error {
		site.Settings.RateLimit = &ingeststore.RateLimit{Events: limit, Window: 24 * time.Hour}
		return nil
	})
	require.NoError(t, err)
	hostLog(t, c)
	second := c
	second.Server.Listen, second.Server.HealthListen = listentest.FreeAddress(t), listentest.FreeAddress(t)
	servers := []*running{runProcess(t, c), runProcess(t, second)}

	// admitted sends an event and reports whether it was admitted.
	admitted := func(r *running, n int) (bool, error) {
		response, err := r.post(ctx, "203.0.113.7", browser, pageview("/"+strconv.Itoa(n)))
		switch {
		case err != nil:
			return false, err
		case response.StatusCode != http.StatusAccepted:
			return false, fmt.Errorf("status %d", response.StatusCode)
		}
		switch dropped := response.Header.Get("X-Sluice-Dropped"); dropped {
		case "":
			return true, nil
		case domain + "=throttle":
			return false, nil
		default:
			return false, errors.New("dropped " + dropped)
		}
	}
	var counts [2]atomic.Int64
	var all sync.WaitGroup
	for i, r := range servers {
		all.Go(func() {
			pace := time.NewTicker(5 * time.Millisecond)
			defer pace.Stop()
			for n := range limit {
				<-pace.C
				ok, err := admitted(r, n)
				if err != nil {
					t.Error(err)
					return
				}
				if ok {
					counts[i].Add(1)
				}
			}
		})
	}
	all.Wait()
	sum := counts[0].Load() + counts[1].Load()
	t.Logf("two processes admitted %d + %d = %d of %d", counts[0].Load(), counts[1].Load(), sum, limit)
	require.GreaterOrEqual(t, sum, int64(limit), "no event is refused before the limit")
	require.Less(t, sum, int64(2*limit))
	require.EventuallyWithT(t, func(collect *assert.CollectT) {
		for _, r := range servers {
			ok, err := admitted(r, limit)
			require.NoError(collect, err)
			require.False(collect, ok)
		}
	}, time.Minute, 50*time.Millisecond)
}
