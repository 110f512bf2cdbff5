package eventapi_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/eventapi"
	"github.com/sluicehq/sluice/ingest/ingesttest"
	"github.com/sluicehq/sluice/ingest/request"
)

// acknowledging is a buffer that acknowledges everything.
type acknowledging struct{}

func (acknowledging) Write(context.Context, []ingest.Event, []ingest.Event) error { return nil }

// BenchmarkEvent measures a single event from its request to the answer, without a connection and without the
// event log.
func BenchmarkEvent(b *testing.B) {
	sites := ingesttest.Sites{ingesttest.SiteDomain: {ID: 1, Domain: ingesttest.SiteDomain}}
	pipeline, err := ingest.New(ingesttest.Config(sites, ingesttest.Data(b, "../..", nil), acknowledging{}))
	require.NoError(b, err)
	handler, err := eventapi.New(eventapi.Config{
		Pipeline: pipeline, Logger: slog.New(slog.DiscardHandler),
		Proxies: request.Proxies{netip.MustParsePrefix("127.0.0.0/8")},
	})
	require.NoError(b, err)
	const body = `{"n":"pageview","u":"https://case.example/blog/post?utm_source=newsletter&utm_medium=email",` +
		`"d":"case.example","r":"https://www.blog.example/a","v":25}`
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/api/event", strings.NewReader(body))
		r.RemoteAddr = "127.0.0.1:1"
		r.Header.Set("User-Agent", browser)
		r.Header.Set("X-Forwarded-For", "2.125.160.216")
		r.Header.Set("Content-Type", "text/plain")
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, r)
		if answer.Code != http.StatusAccepted {
			b.Fatal(answer.Code, answer.Body)
		}
	}
}
