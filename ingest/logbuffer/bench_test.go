package logbuffer_test

import (
	"context"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/ingesttest"
	"github.com/sluicehq/sluice/ingest/logbuffer"
	"github.com/sluicehq/sluice/ingest/request"
)

// sink is a log that acknowledges everything.
type sink struct{}

func (sink) Partition(hash uint64) int { return int(hash % 16) }

func (sink) AppendBatch(context.Context, int, eventlog.Batch) (eventlog.Position, error) {
	return eventlog.Position{}, nil
}

// BenchmarkWrite measures how events become records, of one request and of a batch.
func BenchmarkWrite(b *testing.B) {
	buffer, err := logbuffer.New(sink{}, time.Now)
	require.NoError(b, err)
	kept := &ingesttest.Buffer{}
	pipeline, err := ingest.New(ingesttest.Config(ingesttest.Sites{ingesttest.SiteDomain: {
		ID: 7, Domain: ingesttest.SiteDomain,
	}}, ingesttest.Data(b, filepath.Join("..", ".."), nil), kept))
	require.NoError(b, err)
	requests := make([]request.Request, 100)
	for i := range requests {
		requests[i] = pageview(b, i)
	}
	_, err = pipeline.BuildAndBufferAll(b.Context(), requests)
	require.NoError(b, err)
	all := kept.Events()
	require.Len(b, all, len(requests))
	bot := []ingest.Event{dropped(ingesttest.SiteDomain, 7, ingest.DropBot)}
	for name, events := range map[string]struct{ buffered, dropped []ingest.Event }{
		"single": {all[:1], nil}, "batch": {all, nil}, "dropped": {nil, bot},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := buffer.Write(b.Context(), events.buffered, events.dropped); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func pageview(b *testing.B, i int) request.Request {
	b.Helper()
	r, err := request.Parse(request.Input{
		UserAgent: browser, RemoteIP: netip.AddrFrom4([4]byte{2, 125, 160, byte(i)}), Now: time.Unix(1_700_000_000, 0),
		Body: []byte(`{"n":"pageview","u":"https://case.example/blog/post?utm_source=newsletter","r":"https://t.co/x","v":3}`),
	})
	require.NoError(b, err)
	return r
}
