package warehouse_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

func TestRejects(t *testing.T) { eachProtocol(t, testRejects) }

func testRejects(t *testing.T, b *bundle) {
	t.Helper()
	none, err := b.Rejects(b.ctx, 1, 2, warehouse.RejectFilter{}, 0, 10)
	require.NoError(t, err)
	require.Equal(t, []schema.Reject{}, none)

	want := make([]schema.Reject, len(texts))
	for i, text := range texts {
		want[i] = schema.Reject{File: text, Line: int64(i), Column: text, Reason: text, Sample: text}
	}
	want[len(want)-1].Line = 1<<62 + 1
	require.NoError(t, b.InsertRejects(b.ctx, key(0), want))
	got, err := b.Rejects(b.ctx, 1, 2, warehouse.RejectFilter{}, 0, 100)
	require.NoError(t, err)
	require.Equal(t, want, got)
	others, err := b.Rejects(b.ctx, 1, 3, warehouse.RejectFilter{}, 0, 100)
	require.NoError(t, err)
	require.Empty(t, others)
}

// Pages fit together without a gap or a doublet, also where nothing but the text
// tells rejects apart: sources other than files have no lines.
func TestRejectsPaging(t *testing.T) { eachProtocol(t, testRejectsPaging) }

func testRejectsPaging(t *testing.T, b *bundle) {
	t.Helper()
	const total = 500
	for chunk := range uint32(5) {
		rejects := make([]schema.Reject, total/5)
		for i := range rejects {
			rejects[i] = schema.Reject{File: "report", Reason: "bad", Sample: fmt.Sprintf("%d-%d", chunk, i)}
		}
		require.NoError(t, b.InsertRejects(b.ctx, key(chunk), rejects))
	}
	for _, size := range []int{7, 100, total + 1} {
		seen := map[string]bool{}
		for skip := 0; ; skip += size {
			page, err := b.Rejects(b.ctx, 1, 2, warehouse.RejectFilter{}, skip, size)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page), size)
			for _, r := range page {
				require.False(t, seen[r.Sample], "%s comes twice", r.Sample)
				seen[r.Sample] = true
			}
			if len(page) < size {
				break
			}
		}
		require.Len(t, seen, total)
	}
}

// Rejects come in the order of parts and lines.
func TestRejectsOrder(t *testing.T) { eachProtocol(t, testRejectsOrder) }

func testRejectsOrder(t *testing.T, b *bundle) {
	t.Helper()
	second, first := key(0), key(1)
	first.Part = 1
	require.NoError(t, b.InsertRejects(b.ctx, second, []schema.Reject{{File: "b", Line: 9}, {File: "b", Line: 2}}))
	require.NoError(t, b.InsertRejects(b.ctx, first, []schema.Reject{{File: "a", Line: 10}}))
	got, err := b.Rejects(b.ctx, 1, 2, warehouse.RejectFilter{}, 0, 10)
	require.NoError(t, err)
	require.Equal(t, []schema.Reject{{File: "a", Line: 10}, {File: "b", Line: 2}, {File: "b", Line: 9}}, got)
}

// Filters select rejected rows by their parts, their column and a text, together, in each page.
func TestRejectsFilter(t *testing.T) { eachProtocol(t, testRejectsFilter) }

func testRejectsFilter(t *testing.T, b *bundle) {
	t.Helper()
	later := key(1)
	later.Part = 4
	a := schema.Reject{File: "a.csv", Line: 1, Column: "visits", Reason: "Not a number"}
	c := schema.Reject{File: "a.csv", Line: 2, Column: "it's", Reason: "100% wrong"}
	d := schema.Reject{File: "Ä.csv", Line: 3, Column: "visits", Reason: `back\slash`}
	require.NoError(t, b.InsertRejects(b.ctx, key(0), []schema.Reject{a, c}))
	require.NoError(t, b.InsertRejects(b.ctx, later, []schema.Reject{d}))
	for _, test := range []struct {
		filter warehouse.RejectFilter
		want   []schema.Reject
	}{
		{warehouse.RejectFilter{Parts: []uint32{key(0).Part}}, []schema.Reject{a, c}},
		{warehouse.RejectFilter{Parts: []uint32{key(0).Part, 4, 9}}, []schema.Reject{a, c, d}},
		{warehouse.RejectFilter{Parts: []uint32{9}}, []schema.Reject{}},
		{warehouse.RejectFilter{Column: "visits"}, []schema.Reject{a, d}},
		{warehouse.RejectFilter{Column: "it's"}, []schema.Reject{c}},
		{warehouse.RejectFilter{Text: "not A"}, []schema.Reject{a}},
		{warehouse.RejectFilter{Text: "A.CSV"}, []schema.Reject{a, c}},
		{warehouse.RejectFilter{Text: "ä"}, []schema.Reject{d}},
		{warehouse.RejectFilter{Text: "%"}, []schema.Reject{c}},
		{warehouse.RejectFilter{Text: `\`}, []schema.Reject{d}},
		{warehouse.RejectFilter{Text: "visits", Column: "visits", Parts: []uint32{4}}, []schema.Reject{d}},
	} {
		all := []schema.Reject{}
		for {
			page, err := b.Rejects(b.ctx, 1, 2, test.filter, len(all), 1)
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			all = append(all, page...)
		}
		require.Equal(t, test.want, all, "%+v", test.filter)
	}
}
