package warehouse_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/warehouse/schema"
)

func TestRejects(t *testing.T) { eachProtocol(t, testRejects) }

func testRejects(t *testing.T, b *bundle) {
	t.Helper()
	none, err := b.Rejects(b.ctx, 1, 2, 0, 10)
	require.NoError(t, err)
	require.Equal(t, []schema.Reject{}, none)

	want := make([]schema.Reject, len(texts))
	for i, text := range texts {
		want[i] = schema.Reject{File: text, Line: int64(i), Column: text, Reason: text, Sample: text}
	}
	want[len(want)-1].Line = 1<<62 + 1
	require.NoError(t, b.InsertRejects(b.ctx, key(0), want))
	got, err := b.Rejects(b.ctx, 1, 2, 0, 100)
	require.NoError(t, err)
	require.Equal(t, want, got)
	others, err := b.Rejects(b.ctx, 1, 3, 0, 100)
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
			page, err := b.Rejects(b.ctx, 1, 2, skip, size)
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
	got, err := b.Rejects(b.ctx, 1, 2, 0, 10)
	require.NoError(t, err)
	require.Equal(t, []schema.Reject{{File: "a", Line: 10}, {File: "b", Line: 2}, {File: "b", Line: 9}}, got)
}
