package ingest

import (
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/refdata"
	"github.com/sluicehq/sluice/ingest/refdata/bots"
	"github.com/sluicehq/sluice/ingest/request"
)

// BenchmarkUserAgentStep measures the step that random user agents could slow down: bots and browser, of user
// agents that are remembered and of those that come once.
func BenchmarkUserAgentStep(b *testing.B) {
	module, err := os.ReadFile("refdata/bots/testdata/isbot-5.2.3.mjs")
	require.NoError(b, err)
	patterns, err := bots.ParseIsbot(module)
	require.NoError(b, err)
	data := refdata.Builtin()
	var skipped []error
	data.Bots, skipped = bots.New(patterns)
	require.Empty(b, skipped)
	text, err := os.ReadFile("refdata/bots/testdata/agents.tsv")
	require.NoError(b, err)
	var browsers, scrambled []string
	random := rand.New(rand.NewPCG(1, 2))
	for line := range strings.Lines(string(text)) {
		if agent, ok := strings.CutPrefix(strings.TrimSpace(line), "0\tMozilla/5.0 "); ok {
			browsers = append(browsers, "Mozilla/5.0 "+agent)
			letters := []byte(agent)
			random.Shuffle(len(letters), func(i, j int) { letters[i], letters[j] = letters[j], letters[i] })
			scrambled = append(scrambled, "Mozilla/5.0 ("+string(letters))
		}
	}
	r := run{pipeline: &Pipeline{config: Config{}.withDefaults(), agents: newAgents()}, data: data}
	site := &Site{ID: 1}
	for name, agents := range map[string][]string{"real": browsers, "scrambled": scrambled} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if i%len(agents) == 0 && name == "scrambled" {
					r.pipeline.agents = newAgents()
				}
				e := Event{Site: site, Request: request.Request{UserAgent: agents[i%len(agents)]}}
				if err := r.putUserAgent(b.Context(), &e); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}
