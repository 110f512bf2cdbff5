package ingest_test

import (
	"context"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/ingesttest"
	"github.com/sluicehq/sluice/ingest/request"
)

// discard acknowledges everything.
type discard struct{}

func (discard) Write(_ context.Context, _, _ []ingest.Event) error { return nil }

// realAgents returns real user agents, the most frequent ones more often: the n-th with a
// weight of 1/n.
func realAgents(b *testing.B) []string {
	b.Helper()
	text, err := os.ReadFile("refdata/bots/testdata/agents.tsv")
	require.NoError(b, err)
	var all []string
	for line := range strings.Lines(string(text)) {
		if agent, ok := strings.CutPrefix(strings.TrimSpace(line), "0\tMozilla/5.0 "); ok {
			all = append(all, "Mozilla/5.0 "+agent)
		}
	}
	var weighted []string
	for i, agent := range all {
		for range max(1, len(all)/(i+1)) {
			weighted = append(weighted, agent)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	random.Shuffle(len(weighted), func(i, j int) { weighted[i], weighted[j] = weighted[j], weighted[i] })
	return weighted
}

// randomAgents returns user agents that look like browsers and were never seen before.
func randomAgents() []string {
	random := rand.New(rand.NewPCG(1, 2))
	all := make([]string, 10_000)
	for i := range all {
		var text strings.Builder
		text.WriteString("Mozilla/5.0 (Windows NT 10.0; ")
		for text.Len() < 300 {
			text.WriteByte(byte('a' + random.IntN(26)))
			if random.IntN(6) == 0 {
				text.WriteByte(" ./;)("[random.IntN(6)])
			}
		}
		all[i] = text.String()
	}
	return all
}

// BenchmarkPipeline measures an event from the body to the buffer, without HTTP.
func BenchmarkPipeline(b *testing.B) {
	data := ingesttest.Data(b, "..", nil)
	sites := ingesttest.Sites{ingesttest.SiteDomain: {ID: 1, Domain: ingesttest.SiteDomain}}
	config := ingesttest.Config(sites, data, discard{})
	pipeline, err := ingest.New(config)
	require.NoError(b, err)
	body := []byte(`{"n":"pageview","u":"https://case.example/blog/post?utm_source=newsletter&utm_medium=email","d":"case.example","r":"https://www.blog.example/a","v":25}`)
	now := time.Now()
	ip, _ := request.Remote(nil, "2.125.160.216:1", nil)
	for name, agents := range map[string][]string{"real": realAgents(b), "random": randomAgents()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				r, err := request.Parse(request.Input{Body: body, UserAgent: agents[i%len(agents)], RemoteIP: ip, Now: now})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := pipeline.BuildAndBuffer(b.Context(), r); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}
