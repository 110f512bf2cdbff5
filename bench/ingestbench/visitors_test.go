package ingestbench

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/refdata/bots"
	"github.com/sluicehq/sluice/ingest/request"
)

func TestAgents(t *testing.T) {
	t.Parallel()
	agents, err := weightedAgents()
	require.NoError(t, err)
	count := map[string]int{}
	for _, agent := range agents {
		require.True(t, strings.HasPrefix(agent, "Mozilla/5.0 ("), agent)
		require.False(t, bots.Builtin().Match(agent), agent)
		count[agent]++
	}
	require.Len(t, count, 100)
	require.Equal(t, 1000, count[agents[0]], "the first is the most frequent")
	require.Equal(t, 10, count[agents[len(agents)-1]])

	first := randomAgent(1)
	require.Len(t, first, 150)
	require.Equal(t, first, randomAgent(1))
	require.NotEqual(t, first, randomAgent(2))
}

// An event has the number in its path, and always the same visitor.
func TestVisitors(t *testing.T) {
	t.Parallel()
	v := &visitors{domain: "a.example", agents: []string{"A", "B"}, count: 10}
	seen := map[string]string{}
	for no := range int64(1000) {
		r, err := request.Parse(request.Input{Body: v.appendEvent(nil, no), UserAgent: v.agent(no), Now: time.Now()})
		require.NoError(t, err)
		require.Equal(t, []string{"a.example"}, r.Domains)
		require.Equal(t, pagePrefix, r.Pathname[:len(pagePrefix)])
		ip := string(v.appendIP(nil, no))
		address, err := netip.ParseAddr(ip)
		require.NoError(t, err)
		require.True(t, address.IsGlobalUnicast() && !address.IsPrivate(), ip)
		if agent, ok := seen[ip]; ok {
			require.Equal(t, agent, v.agent(no), "a visitor keeps the user agent")
		}
		seen[ip] = v.agent(no)
	}
	require.Len(t, seen, 10)
}

func TestBatch(t *testing.T) {
	t.Parallel()
	v := &visitors{domain: "a.example", count: 10}
	lines := bytes.Split(bytes.TrimSpace(v.appendBatch(nil, 7, 3)), []byte("\n"))
	require.Len(t, lines, 3)
	for i, line := range lines {
		var fields map[string]any
		require.NoError(t, json.Unmarshal(line, &fields), string(line))
		r, err := request.Parse(request.Input{Body: line, Now: time.Now(), Authorised: true})
		require.NoError(t, err)
		require.Equal(t, "/p/"+string(rune('7'+i)), r.Pathname)
		require.Equal(t, randomAgent(int64(7+i)), r.UserAgent)
		require.Equal(t, string(v.appendIP(nil, int64(7+i))), r.RemoteIP.String())
	}
}

func TestBatchAnswer(t *testing.T) {
	t.Parallel()
	body := []byte(`{"line":1,"status":"accepted","buffered":1}
{"line":2,"status":"accepted","buffered":0,"dropped":[{"domain":"a.example","reason":"bot"}]}
`)
	require.Equal(t, answer{accepted: 1, dropped: 1}, batchAnswer(body, 2))
	a := batchAnswer(append(body, `{"line":3,"status":"failed","buffered":0}`...), 3)
	require.EqualValues(t, 1, a.failed)
	require.Equal(t, "of 3 lines of a batch 1 were accepted and 1 dropped", a.fault)
}
