package ingest_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/ingesttest"
	"github.com/sluicehq/sluice/ingest/request"
)

// heap returns the bytes that are in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Requests of which nothing was seen before, neither user agent nor address, referrer, page or domain, get an
// answer each and leave nothing in memory. No other test runs beside it, because it measures the heap.
func TestFlood(t *testing.T) {
	b := setup(t)
	p, err := ingest.New(ingesttest.Config(ingesttest.Sites{siteName: b.site}, ingesttest.Data(t, "..", nil), discard{}))
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(3, 4))
	agents := randomAgents()
	send := func(times int) (buffered, dropped int) {
		for range times {
			for i, agent := range agents {
				result, err := p.BuildAndBuffer(t.Context(), b.request(func(r *request.Request) {
					n := random.Uint64()
					r.UserAgent = fmt.Sprintf("%s %x", agent, n)
					r.RemoteIP = netip.AddrFrom4([4]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)})
					r.Referrer, r.Pathname = fmt.Sprintf("https://%x.example/", n), fmt.Sprintf("/%x", n)
					if i%4 == 0 {
						r.Domains = []string{fmt.Sprintf("%x.example", n)}
					}
				}))
				require.NoError(t, err)
				buffered, dropped = buffered+len(result.Buffered), dropped+len(result.Dropped)
			}
		}
		return buffered, dropped
	}
	send(1)
	before := heap()
	buffered, dropped := send(3)
	require.Less(t, heap()-before, int64(1<<20), "bytes that %d requests leave", 3*len(agents))
	require.Equal(t, 3*len(agents), buffered+dropped)
	require.Positive(t, buffered)
	require.GreaterOrEqual(t, dropped, 3*len(agents)/4)
}
