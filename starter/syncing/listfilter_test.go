package syncing_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	syncclient "github.com/sluicehq/sluice/starter/syncing"
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

// Filters select runs, rejected and held records of a sync, together, and pages continue what they select.
func TestListFilters(t *testing.T) {
	t.Parallel()
	b := setupStored(t)
	full := b.load(t)
	find, _, err := b.Store.Begin(b.ctx, syncstore.NewRun{
		Sync: "news", Version: 1, Kind: syncstore.KindFind, Until: until, FindRun: &full.ID, FindPage: ptr(int64(1)),
	})
	require.NoError(t, err)
	_, err = b.Store.End(b.ctx, find.ID, syncstore.Ending{Status: syncstore.StatusFailed, Error: "denied"})
	require.NoError(t, err)
	running := b.begin(t)
	for _, c := range []struct {
		filter syncstore.RunFilter
		want   []int64
	}{
		{syncstore.RunFilter{}, []int64{running.ID, find.ID, full.ID}},
		{syncstore.RunFilter{Kind: syncstore.KindFull}, []int64{running.ID, full.ID}},
		{syncstore.RunFilter{Kind: syncstore.KindFull, Status: syncstore.StatusSucceeded}, []int64{full.ID}},
		{syncstore.RunFilter{Status: syncstore.StatusFailed}, []int64{find.ID}},
		{syncstore.RunFilter{Kind: syncstore.KindUpdate}, nil},
	} {
		var found []int64
		for before := int64(0); ; before = found[len(found)-1] {
			runs, err := b.History(b.ctx, "news", c.filter, before, 1)
			require.NoError(t, err)
			if len(runs) == 0 {
				break
			}
			found = append(found, runs[0].ID)
		}
		require.Equal(t, c.want, found, "%+v", c.filter)
	}

	b.exec(t, `INSERT INTO sync_rejects (sync, key, unidentified, stage, reason, retry_at) VALUES
		('news', 'e', false, 'map', 'Field 100% odd', now()), ('weekly', 'c', false, 'write', 'too large', NULL)`)
	for _, c := range []struct {
		filter syncclient.RejectFilter
		want   []string
	}{
		{syncclient.RejectFilter{}, []string{"c", "d", "e"}},
		{syncclient.RejectFilter{Stage: "map"}, []string{"d", "e"}},
		{syncclient.RejectFilter{State: syncclient.RejectOpen}, []string{"c", "d"}},
		{syncclient.RejectFilter{State: syncclient.RejectRetried}, []string{"e"}},
		{syncclient.RejectFilter{Text: " TOO "}, []string{"c"}},
		{syncclient.RejectFilter{Text: "%"}, []string{"e"}},
		{syncclient.RejectFilter{Text: "field", Stage: "map", State: syncclient.RejectRetried}, []string{"e"}},
		{syncclient.RejectFilter{Text: "field", State: syncclient.RejectOpen}, nil},
		{syncclient.RejectFilter{Text: "\x00"}, nil},
	} {
		var found []string
		for after := int64(0); ; {
			rejects, err := b.Rejects(b.ctx, "news", c.filter, after, 1)
			require.NoError(t, err)
			if len(rejects) == 0 {
				break
			}
			found, after = append(found, rejects[0].Key), rejects[0].ID
		}
		require.Equal(t, c.want, found, "%+v", c.filter)
	}

	day := func(n int) time.Time { return until.AddDate(0, 0, n) }
	b.exec(t, "DELETE FROM sync_held")
	b.exec(t, "INSERT INTO sync_held (sync, key, first_at) VALUES ('news', 'f', $1), ('news', 'g', $2)", day(0), day(2))
	for _, c := range []struct {
		filter syncstore.HeldFilter
		want   []string
	}{
		{syncstore.HeldFilter{}, []string{"f", "g"}},
		{syncstore.HeldFilter{After: day(0)}, []string{"f", "g"}},
		{syncstore.HeldFilter{After: day(1)}, []string{"g"}},
		{syncstore.HeldFilter{Before: day(2)}, []string{"f"}},
		{syncstore.HeldFilter{After: day(1), Before: day(2)}, nil},
	} {
		held, err := b.Held(b.ctx, "news", c.filter, 0, 10)
		require.NoError(t, err)
		var found []string
		for _, h := range held {
			found = append(found, h.Key)
		}
		require.Equal(t, c.want, found, "%+v", c.filter)
	}
}
