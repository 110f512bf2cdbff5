package importing

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// A dry run tells a warning of several parts once, too.
func TestCollectedRepeats(t *testing.T) {
	t.Parallel()
	var log collected
	ctx := t.Context()
	require.NoError(t, log.Warn(ctx, "something else"))
	for i := range 3 {
		require.NoError(t, log.WarnPart(ctx, importers.PartWarning{Part: fmt.Sprintf("part %d", i), Message: "withheld", Rows: 2}))
	}
	require.NoError(t, log.WarnPart(ctx, importers.PartWarning{Part: "part 1", Message: "estimated"}))
	require.Equal(t, []DryRunLine{
		{"warn", "something else"}, {"warn", "part 0 and 2 more parts: withheld: 6 rows"}, {"warn", "part 1: estimated"},
	}, log.lines)
	for range maxCollected {
		require.NoError(t, log.Info(ctx, "full"))
	}
	require.NoError(t, log.WarnPart(ctx, importers.PartWarning{Part: "part 1", Message: "too late"}))
	require.NoError(t, log.WarnPart(ctx, importers.PartWarning{Part: "part 2", Message: "too late"}))
	require.Len(t, log.lines, maxCollected)
}

// A report that is too large for a history loses its samples first, then rejects, lines of the log, and the last parts.
func TestFit(t *testing.T) {
	t.Parallel()
	report := func(locks, parts, lines, cell int) *DryRunReport {
		r := &DryRunReport{Locks: make([]DryRunLock, locks), Log: make([]DryRunLine, lines)}
		for i := range locks {
			r.Locks[i].Resource = strings.Repeat("r", 200)
		}
		for i := range lines {
			r.Log[i].Message = strings.Repeat("l", maxLine)
		}
		for range parts {
			p := DryRunPart{Error: strings.Repeat("e", 2*maxLine)}
			for range sampleRejects {
				p.Rejects = append(p.Rejects, DryRunReject{Reason: strings.Repeat("w", 150)})
			}
			for range sampleRows {
				p.Sample = append(p.Sample, []string{strings.Repeat("s", cell)})
			}
			r.Parts = append(r.Parts, p)
		}
		return r
	}
	for name, test := range map[string]struct {
		report *DryRunReport
		// want are the numbers of locks, parts, rows of a sample, rejects of a part, and lines.
		want []int
	}{
		"it fits":         {report(1, 2, 2, 60), []int{1, 2, 3, 5, 2}},
		"samples":         {report(1, 4, 2, 5000), []int{1, 4, 2, 5, 2}},
		"all samples":     {report(1, 4, 2, 15_000), []int{1, 4, 0, 5, 2}},
		"rejects":         {report(110, 10, 10, 60), []int{110, 10, 0, 1, 10}},
		"lines":           {report(130, 10, 50, 60), []int{130, 10, 0, 1, 10}},
		"locks and parts": {report(1000, 10, 50, 60), []int{10, 5, 0, 1, 10}},
	} {
		require.NoError(t, test.report.fit(), name)
		data, err := json.Marshal(test.report)
		require.NoError(t, err)
		require.LessOrEqual(t, len(data), MaxDryRunResult, name)
		r := test.report
		require.Equal(t, test.want,
			[]int{len(r.Locks), len(r.Parts), len(r.Parts[0].Sample), len(r.Parts[0].Rejects), len(r.Log)}, name)
	}
}

// A sample has each kind of column as text, and long texts cut.
func TestSample(t *testing.T) {
	t.Parallel()
	b := schema.NewBatch(schema.Pages)
	for i, c := range schema.Pages.Columns {
		switch c.Kind {
		case schema.KindDate:
			b.SetDate(i, 18628)
		case schema.KindString:
			b.SetString(i, []byte(strings.Repeat("x", 2*maxSampleCell)))
		case schema.KindUint64:
			b.SetUint64(i, 1<<40)
		case schema.KindUint32:
			b.SetUint32(i, 7)
		}
	}
	b.EndRow()
	rows := sample(b, sampleRows)
	require.Len(t, rows, 1)
	for i, c := range schema.Pages.Columns {
		cell := rows[0][i]
		switch c.Kind {
		case schema.KindDate:
			require.Equal(t, "2021-01-01", cell)
		case schema.KindString:
			require.LessOrEqual(t, len(cell), maxSampleCell)
			require.True(t, strings.HasPrefix(cell, "xxx"), cell)
		default:
			require.Contains(t, []string{"1099511627776", "7"}, cell)
		}
	}
}
