package chart_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/server/pages/chart"
)

// The parts of a stack fill it, whatever their texts are.
func TestShares(t *testing.T) {
	t.Parallel()
	got := string(chart.Shares(chart.Stack{Title: "Parts by <status>", Parts: []chart.StackPart{
		{Tone: chart.ToneWarn, Text: `2 "parked"`, Value: 2},
		{Tone: chart.ToneGood, Text: "6 done", Value: 6},
		{Tone: "none", Text: "less than none", Value: -1},
	}}))
	require.Equal(t, 3, strings.Count(got, "<rect"))
	require.Contains(t, got, "Parts by &lt;status&gt;")
	require.NotContains(t, got, `"parked"`)
	require.Contains(t, got, `class="span warn" x="0" y="0" width="250"`)
	require.Contains(t, got, `class="span good" x="250" y="0" width="750"`)
	require.Contains(t, got, `class="span idle" x="1000" y="0" width="0"`)
	require.Empty(t, chart.Shares(chart.Stack{Title: "nothing"}))
}
