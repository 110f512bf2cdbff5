package importing_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/importing"
)

func TestSummaries(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other, err := b.AddSite(b.ctx, importing.NewSite{Domain: "other.example.com", TimeZone: "UTC"})
	require.NoError(t, err)
	later := time.Now().Add(time.Hour)
	// Imports 1, 3 and 5 belong to the first site, 2 and 4 to the other.
	for i := range 5 {
		n := b.newImport("")
		if i%2 == 1 {
			n.SiteID = other.ID
		}
		if i == 1 {
			n.RequestedBy = "ann"
		}
		imp, _, err := b.CreateImport(b.ctx, n)
		require.NoError(t, err)
		if i < 4 {
			require.NoError(t, b.Finish(b.ctx, imp.ID, importing.StatusCompleted, "", ""))
		}
	}
	for name, tc := range map[string]struct {
		listing importing.Listing
		want    []int64
	}{
		"all":               {importing.Listing{Limit: 10}, []int64{5, 4, 3, 2, 1}},
		"first page":        {importing.Listing{Limit: 2}, []int64{5, 4}},
		"next page":         {importing.Listing{BeforeID: 4, Limit: 2}, []int64{3, 2}},
		"last page":         {importing.Listing{BeforeID: 2, Limit: 2}, []int64{1}},
		"behind the last":   {importing.Listing{BeforeID: 1, Limit: 2}, []int64{}},
		"one site":          {importing.Listing{Site: "example.com", Limit: 10}, []int64{5, 3, 1}},
		"a page of a site":  {importing.Listing{Site: "example.com", BeforeID: 5, Limit: 1}, []int64{3}},
		"no site":           {importing.Listing{Site: "missing.example.com", Limit: 10}, []int64{}},
		"none asked for":    {importing.Listing{}, []int64{}},
		"before all others": {importing.Listing{BeforeID: 99, Limit: 1}, []int64{5}},
		"of a status":       {importing.Listing{Statuses: []string{importing.StatusQueued}, Limit: 10}, []int64{5}},
		"of statuses": {
			importing.Listing{Statuses: []string{importing.StatusQueued, importing.StatusCompleted}, Limit: 2}, []int64{5, 4},
		},
		"of a source":    {importing.Listing{Source: "noop", Limit: 1}, []int64{5}},
		"of no source":   {importing.Listing{Source: "nope", Limit: 1}, []int64{}},
		"within a site":  {importing.Listing{Sites: []string{"example.com"}, Limit: 10}, []int64{5, 3, 1}},
		"within sites":   {importing.Listing{Sites: []string{"example.com", "other.example.com"}, Limit: 2}, []int64{5, 4}},
		"within no site": {importing.Listing{Sites: []string{}, Limit: 10}, []int64{}},
		"another site":   {importing.Listing{Sites: []string{"example.com"}, Site: "other.example.com", Limit: 10}, []int64{}},
		"of numbers":     {importing.Listing{IDs: []int64{2, 5, 9}, Limit: 10}, []int64{5, 2}},
		"still active":   {importing.Listing{ActiveSince: &later, Limit: 10}, []int64{5}},
		"of a requester": {importing.Listing{By: "ann", Limit: 10}, []int64{2}},
	} {
		got, err := b.Summaries(b.ctx, tc.listing)
		require.NoError(t, err, name)
		ids := []int64{}
		for _, s := range got {
			ids = append(ids, s.Import.ID)
		}
		require.Equal(t, tc.want, ids, name)
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	b := setup(t)
	imp := b.create(t)
	empty, err := b.Summary(b.ctx, imp.ID)
	require.NoError(t, err)
	require.Equal(t, importing.Summary{Import: imp, Domain: "example.com"}, empty)

	b.plan(t, imp.ID, 3)
	for no := range int32(2) {
		part, _, err := b.ClaimPart(b.ctx, imp.ID, no, 0)
		require.NoError(t, err)
		require.NoError(t, b.RecordChunk(b.ctx, chunk(part, 0)))
		if no == 0 {
			b.finishPart(t, part, 0)
		}
	}
	_, err = b.SkipPart(b.ctx, imp.ID, 2)
	require.NoError(t, err)
	for i, level := range []string{importing.LevelWarn, importing.LevelInfo, importing.LevelWarn, importing.LevelError, importing.LevelError} {
		require.NoError(t, b.AddFeedback(b.ctx, imp.ID, level, fmt.Sprint(i), fmt.Sprintf("message %d", i)))
	}
	got, err := b.Summary(b.ctx, imp.ID)
	require.NoError(t, err)
	got.Import = importing.Import{}
	require.Equal(t, importing.Summary{
		Domain: "example.com", PartsTotal: 3, PartsDone: 2, BytesTotal: 300, BytesRead: 150,
		RowsRead: 24, RowsLoaded: 14, RowsRejected: 4, RowsOutOfRange: 2, RowsLeftOut: 4, Warnings: 2,
		Errors: 2, LastError: "message 4",
	}, got)
	require.NoError(t, b.SaveSummary(b.ctx, imp.ID, json.RawMessage(`{"rows":1}`)))
	details, err := b.Details(b.ctx, imp.ID)
	require.NoError(t, err)
	require.JSONEq(t, `{"rows":1}`, string(details.Data))
	require.EqualValues(t, 24, details.RowsRead)
	_, err = b.Details(b.ctx, 404)
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = b.Summary(b.ctx, 404)
	require.ErrorIs(t, err, store.ErrNotFound)
}

// What the reconciler looks for: imports whose starter died before it had started
// the workflow.
func TestUnstartedImports(t *testing.T) {
	t.Parallel()
	b := setup(t)
	imp := b.create(t)
	unstarted := func(before time.Time) []int64 {
		rows, err := b.UnstartedImports(b.ctx, before)
		require.NoError(t, err)
		ids := []int64{}
		for _, r := range rows {
			require.Equal(t, "example.com", r.Domain)
			ids = append(ids, r.Import.ID)
		}
		return ids
	}
	require.Empty(t, unstarted(imp.CreatedAt), "its starter may be about to")
	require.Equal(t, []int64{imp.ID}, unstarted(imp.CreatedAt.Add(time.Second)))
	require.NoError(t, b.EnterPhase(b.ctx, imp.ID, "run-1", importing.StatusRunning, importing.PhasePlanning))
	require.NoError(t, b.NoteWorkflow(b.ctx, imp.ID, "import/example.com/1", "run-0"))
	got, err := b.Import(b.ctx, imp.ID)
	require.NoError(t, err)
	require.Equal(t, "run-1", got.RunID, "the run that is at work knows better than its starter")
	require.Equal(t, "import/example.com/1", got.WorkflowID)
	require.Empty(t, unstarted(imp.CreatedAt.Add(time.Second)))

	require.NoError(t, b.Finish(b.ctx, imp.ID, importing.StatusFailed, "", ""))
	require.Empty(t, unstarted(imp.CreatedAt.Add(time.Second)))
	require.NoError(t, b.RequestDeletion(b.ctx, imp.ID))
	require.Equal(t, []int64{imp.ID}, unstarted(imp.CreatedAt.Add(time.Second)), "its deletion waits for a workflow")
}
