package api_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/server/api"
	"github.com/sluicehq/sluice/starter"
)

const (
	// envSubscribers is how many streams TestManySubscribers opens.
	envSubscribers = "API_SUBSCRIBERS"
	subscribers    = 1000
	// subscribersMemory bounds the memory of 1,000 streams, in bytes, both ends of the connections together.
	subscribersMemory = 100 << 20
	// subscribersDelay bounds the time until the last subscriber has an event. The goal is a second, which `make bench-api
	// BENCHARGS="-cases subscribers -check"` asserts: it measures a server in a process of its own on an idle machine. Here
	// 1,000 clients share the process, and often the processors with the tests of other packages; this bound holds then, and
	// fails if subscribers wait for each other, or for a client to poll.
	subscribersDelay = 10 * time.Second
)

// memoryInUse returns the memory of the heap and the stacks, in bytes.
func memoryInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// Many subscribers of all imports fit into little memory, and a change reaches each of them soon. The test runs alone:
// the memory is that of the process.
func TestManySubscribers(t *testing.T) {
	wanted := subscribers
	if text := os.Getenv(envSubscribers); text != "" {
		var err error
		wanted, err = strconv.Atoi(text)
		require.NoError(t, err, envSubscribers)
	}
	b := setup(t, func(c *api.Config) { c.MaxStreams = wanted })
	before := memoryInUse()
	opened, received, failed := make(chan struct{}, wanted), make(chan time.Time, wanted), make(chan error, wanted)
	for range wanted {
		conn, err := (&net.Dialer{}).DialContext(enginetest.Context(t), "tcp", strings.TrimPrefix(b.url, "http://"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() }) //nolint:errcheck // the server may have closed it
		_, err = fmt.Fprintf(conn, "GET %s/imports/stream HTTP/1.1\r\nHost: sluice\r\nAuthorization: Bearer viewer-own\r\n\r\n", api.Prefix)
		require.NoError(t, err)
		go func() {
			lines, open := bufio.NewReaderSize(conn, 1<<10), false
			for {
				line, err := lines.ReadString('\n')
				switch {
				case err != nil:
					failed <- err
					return
				case strings.HasPrefix(line, "id: ") && !open:
					open = true
					opened <- struct{}{}
				case strings.HasPrefix(line, "event: import"):
					received <- time.Now()
					return
				}
			}
		}()
	}
	await(t, opened, wanted, failed)
	used := memoryInUse() - before
	_, err := b.Starter.CreateImport(enginetest.Context(t), starter.Request{Site: own, Source: "noop"})
	require.NoError(t, err)
	begun := time.Now()
	last := time.Duration(0)
	for _, at := range await(t, received, wanted, failed) {
		last = max(last, at.Sub(begun))
	}
	t.Logf("%d subscribers: %.1f MiB with the clients, the last one had a change after %s", wanted,
		float64(used)/(1<<20), last.Round(time.Millisecond))
	require.Less(t, used*subscribers/int64(wanted), int64(subscribersMemory))
	require.Less(t, last, subscribersDelay)
}

// await returns a number of values.
func await[T any](t *testing.T, values <-chan T, wanted int, failed <-chan error) (all []T) {
	t.Helper()
	timeout := time.After(time.Minute)
	for len(all) < wanted {
		select {
		case v := <-values:
			all = append(all, v)
		case err := <-failed:
			require.NoError(t, err, "a subscriber has lost its stream")
		case <-timeout:
			require.FailNow(t, "not in time", "%d of %d", len(all), wanted)
		}
	}
	return all
}
