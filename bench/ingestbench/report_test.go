package ingestbench

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/bench/figures"
)

func TestPart(t *testing.T) {
	t.Parallel()
	samples := []sample{{sent: 10, log: 1}, {sent: 30, log: 2}, {sent: 39, log: 3}, {sent: 90, log: 9}, {sent: 100, log: 9}}
	of := func(s sample) float64 { return s.log }
	require.InDelta(t, 2.0, part(samples, 100, 1, of), 0)
	require.InDelta(t, 9.0, part(samples, 100, 4, of), 0, "the last events belong to the last part")
	require.Zero(t, part(samples, 100, 2, of))
}

func TestRates(t *testing.T) {
	t.Parallel()
	r := newReport()
	reportRates(r, Config{Cases: []string{CaseSingle, CaseBatch}}, map[string][]rate{
		roleNoop: {{100, usage{noop: 5}, 0}, {300, usage{noop: 4}, 0}, {200, usage{noop: 6}, 0}},
		CaseSingle: {
			{50, usage{log: 20, server: 10}, 3 * time.Second},
			{90, usage{log: 40, server: 20}, time.Second},
			{120, usage{log: 31, server: 30}, 2 * time.Second},
		},
		CaseBatch: {{perSecond: 200}, {perSecond: 300}, {perSecond: 480}},
	})
	require.Len(t, r.Lines, 14)
	single := r.Lines[0]
	require.InDelta(t, 0.5, single.Ratio, 1e-9, "the median of the ratios of each run")
	require.InDelta(t, 90.0, single.Value, 0)
	require.InDelta(t, 200.0, single.Reference, 0)
	require.True(t, single.Met)
	require.Equal(t, "<= 30 us", r.Lines[1].Goal)
	require.False(t, r.Lines[1].Met)
	require.InDelta(t, 4.0, r.Lines[2].Ratio, 1e-9, "beside the handler that does nothing")
	require.InDelta(t, 2.0, r.Lines[6].Value, 0, "until all is written")
	require.InDelta(t, 4.0, r.Lines[7].Ratio, 1e-9)
	require.Equal(t, CaseSingle, r.Lines[7].ReferenceName)

	r = newReport()
	reportRates(r, Config{Cases: []string{CaseBatch}}, map[string][]rate{CaseBatch: {{perSecond: 1}}})
	require.Empty(t, r.Lines[0].Goal, "without single events there is nothing to compare with")
}

func TestReport(t *testing.T) {
	t.Parallel()
	r := newReport()
	l := line{Case: CaseLatency, Figure: "p99", Unit: figures.Milliseconds, Value: 12}
	l.Compare("limit", 10, 1.2)
	r.Add(l.AtMost(1))
	r.stored(CaseSingle, 1000, 1000, &site{accepted: 1000})
	var out bytes.Buffer
	require.NoError(t, r.Write(&out))
	rows := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Regexp(t, `^latency +p99 +12\.00 ms +10\.00 ms +limit +1\.20 +ratio <= 1 +missed$`, rows[1])
	require.Regexp(t, `^single +events stored +1,000 +1,000 +accepted +1\.00 += accepted +ok$`, rows[2])
	var decoded struct{ Lines []line }
	require.NoError(t, json.Unmarshal([]byte(rows[3]), &decoded))
	require.Equal(t, r.Lines, decoded.Lines)
	require.NoError(t, r.Err(false))
	require.ErrorContains(t, r.Err(true), "latency, p99: goal ratio <= 1 missed")
}

func TestStored(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		rows, distinct int64
		site           site
		fault          string
	}{
		"lost":             {999, 999, site{accepted: 1000}, "999 rows of 999 events"},
		"doubled":          {1001, 1000, site{accepted: 1000}, "1001 rows of 1000 events"},
		"too many":         {1003, 1003, site{accepted: 1000, failed: 2}, "1003 rows"},
		"some have failed": {1001, 1001, site{accepted: 1000, failed: 2, fault: "503"}, "2 events failed, for instance: 503"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReport()
			r.stored(CaseSingle, tc.rows, tc.distinct, &tc.site)
			require.ErrorContains(t, r.Err(false), tc.fault)
		})
	}
}

func TestPassed(t *testing.T) {
	t.Parallel()
	earlier := backlog{last: []int64{4, 0}}
	require.False(t, backlog{next: []int64{4, 1}}.passed(earlier))
	require.True(t, backlog{next: []int64{5, 1}}.passed(earlier))
}
