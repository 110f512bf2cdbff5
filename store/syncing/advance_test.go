package syncing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store/syncing"
)

// Pages that are recorded together leave what they leave one after the other, and those after the one that stops the
// run are not recorded.
func TestAdvanceTogether(t *testing.T) {
	t.Parallel()
	refused := func(key string) syncing.Page {
		p := page(`{}`, false)
		p.Read, p.Rejected, p.StopAfter, p.IDs = 1, 1, 2, nil
		p.Rejects = []syncing.NewReject{{Key: key, Stage: "write", Reason: "refused as " + key}}
		p.Changes = []byte("refused " + key)
		return p
	}
	held := page(`{"at":3}`, false, "h")
	held.Consents = syncing.Consents{Change: []byte("change"), Held: []string{"h"}}
	freed := page(`{"at":4}`, false, "f", "h")
	freed.Consents = syncing.Consents{Freed: []string{"f"}}
	again := held
	again.Consents = syncing.Consents{Held: []string{"f"}}
	delivered := page(`{"at":1}`, false, "a", "b")
	delivered.Changes, delivered.Skipped, delivered.Announced = []byte("delivered"), 3, 70
	later := refused("b")
	later.Rejects = append(later.Rejects, syncing.NewReject{Key: "c", Stage: "map", Reason: "first"})
	later.Read, later.Rejected = 2, 2
	pages := []syncing.Page{
		refused("a"), delivered, later, page(`{"at":2}`, false, "c"), held, freed, again, refused("x"), refused("y"),
		page(`{"at":9}`, false, "never"),
	}
	state := func(together bool) (syncing.Run, []syncing.PageRow, []string, []string) {
		b := setup(t)
		run := b.begin(t)
		if together {
			stopped, err := b.Advance(b.ctx, run, pages)
			require.NoError(t, err)
			require.True(t, stopped)
		} else {
			for i, p := range pages[:9] {
				stopped, err := b.Advance(b.ctx, run, []syncing.Page{p})
				require.NoError(t, err)
				require.Equal(t, i == 8, stopped)
			}
		}
		now, err := b.Run(b.ctx, run.ID)
		require.NoError(t, err)
		rows, err := b.Pages(b.ctx, run.ID, 0, 100)
		require.NoError(t, err)
		rejects, err := b.Rejects(b.ctx, "news", syncing.RejectFilter{}, 0, 100)
		require.NoError(t, err)
		var texts []string
		for _, r := range rejects {
			texts = append(texts, r.Key+" "+r.Reason)
		}
		kept, err := b.Held(b.ctx, "news", syncing.HeldFilter{}, 0, 100)
		require.NoError(t, err)
		for _, h := range kept {
			texts = append(texts, "held "+h.Key)
		}
		export, ok, err := b.ClaimExport(b.ctx, run.ID, 100)
		require.NoError(t, err)
		require.True(t, ok)
		var outbox []string
		for i, row := range export.Rows {
			require.EqualValues(t, i+1, row.Seq)
			outbox = append(outbox, string(row.Changes))
		}
		return now, rows, texts, outbox
	}
	one, onePages, oneTexts, oneOutbox := state(false)
	all, allPages, allTexts, allOutbox := state(true)
	require.JSONEq(t, string(one.Cursor), string(all.Cursor))
	require.NotNil(t, all.StoppedAt)
	figures := func(r syncing.Run) []int64 {
		return []int64{r.Pages, r.Read, r.Delivered, r.Rejected, r.Skipped, r.Announced, r.RejectedPages}
	}
	require.Equal(t, []int64{9, 12, 7, 5, 3, 70, 2}, figures(all))
	require.Equal(t, figures(one), figures(all))
	require.Len(t, allPages, 9)
	for i := range allPages {
		allPages[i].StoredAt = onePages[i].StoredAt
	}
	require.Equal(t, onePages, allPages)
	require.Equal(t, []string{"b refused as b", "x refused as x", "y refused as y", "held h", "held f"}, allTexts)
	require.Equal(t, oneTexts, allTexts)
	require.Equal(t, []string{"refused a", "delivered", "refused b", "refused x", "refused y"}, allOutbox)
	require.Equal(t, oneOutbox, allOutbox)
	b := setup(t)
	_, err := b.Advance(b.ctx, b.begin(t), nil)
	require.ErrorContains(t, err, "want 1 to 100")
}
