package figures_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/bench/figures"
)

func TestMedian(t *testing.T) {
	t.Parallel()
	require.Zero(t, figures.Median(nil))
	require.InDelta(t, 2.0, figures.Median([]float64{3, 1, 2}), 0)
	require.InDelta(t, 1.0, figures.Median([]float64{2, 1}), 0)
}

func TestReport(t *testing.T) {
	t.Parallel()
	r := &figures.Report{Bench: "x"}
	l := figures.Line{Case: "latency", Figure: "p99", Unit: figures.Milliseconds, Value: 12}
	l.Compare("limit", 10, 1.2)
	r.Add(l.AtMost(1))
	r.Add(l.AtLeast(1))
	r.Add(figures.Line{Case: "count", Figure: "rows", Value: 1234567}.ValueAtMost(1000))
	alone := figures.Line{Case: "alone", Figure: "p99"}
	alone.Compare("nothing", 0, math.Inf(1))
	r.Add(alone.AtMost(1))
	var out bytes.Buffer
	require.NoError(t, r.Write(&out))
	rows := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Regexp(t, `^latency +p99 +12\.00 ms +10\.00 ms +limit +1\.20 +ratio <= 1 +missed$`, rows[1])
	require.Regexp(t, `^latency +p99 .* ratio >= 1 +ok$`, rows[2])
	require.Regexp(t, `^count +rows +1,234,567 +- .* <= 1000 +missed$`, rows[3])
	require.Regexp(t, `^alone +p99 +0 +- +- +- +-$`, rows[4])
	var decoded struct {
		Bench string
		Lines []figures.Line
	}
	require.NoError(t, json.Unmarshal([]byte(rows[5]), &decoded))
	require.Equal(t, "x", decoded.Bench)
	require.Equal(t, r.Lines, decoded.Lines)
	require.NoError(t, r.Err(false))
	require.ErrorContains(t, r.Err(true), "latency, p99: goal ratio <= 1 missed")
	r.Faults = append(r.Faults, errors.New("lost"))
	require.EqualError(t, r.Err(false), "lost")
}
