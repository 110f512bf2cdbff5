package activities_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/destinations/flow"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// adder keeps what it is given, once by its key.
type adder struct {
	mu    sync.Mutex
	added map[string]activities.ImportEvent
	keys  []string
	// unfit says what is wrong with an event, nil if nothing is.
	unfit func(key string) error
	// fail is returned after what comes before was kept, if set.
	fail func(n int) error
}

func (a *adder) add(_ context.Context, events []activities.ImportEvent) ([]activities.AddedImportEvent, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	answers := make([]activities.AddedImportEvent, len(events))
	for i, e := range events {
		if a.fail != nil {
			if err := a.fail(i); err != nil {
				return nil, err
			}
		}
		if a.unfit != nil {
			if answers[i].Unfit = a.unfit(e.Key); answers[i].Unfit != nil {
				continue
			}
		}
		answers[i].Jobs = 1
		if _, known := a.added[e.Key]; !known {
			a.added[e.Key] = e
			a.keys = append(a.keys, e.Key)
		}
	}
	return answers, nil
}

// handovers are the activities that hand over to an adder.
func (b *bundle) handovers() (*activities.Handovers, *adder) {
	a := &adder{added: map[string]activities.ImportEvent{}}
	h := &activities.Handovers{Store: b.store, Warehouse: b.wh, Add: a.add}
	b.env.RegisterActivity(h.HandOverEnd)
	b.env.RegisterActivity(h.HandOverRows)
	return h, a
}

// apply makes the flows those of a text in YAML.
func (b *bundle) apply(t *testing.T, text string) {
	t.Helper()
	flows, err := flow.Parse("flows.yaml", []byte(text))
	require.NoError(t, err)
	set := store.FlowSet{Prune: true}
	for _, f := range flows {
		spec, err := json.Marshal(f)
		require.NoError(t, err)
		set.Flows = append(set.Flows, store.FlowSpec{Name: f.Name, Spec: spec})
	}
	_, err = b.store.ApplyFlows(b.ctx, set)
	require.NoError(t, err)
}

const to = "\n    to: [{destination: log, action: write}]\n"

// What publish and finish answer depends on the flows that are in force, and on nothing else.
func TestWhatIsToBeHandedOver(t *testing.T) {
	t.Parallel()
	b, year := setup(t), 2010
	publish := func() *activities.Handover {
		year++
		ref := b.loaded(t, fmt.Sprintf(`{"rows": 20, "bad_rows": 2, "start_date": "%d-01-01", "end_date": "%[1]d-01-31"}`, year))
		var first, second activities.Published
		b.run(t, b.Publish, ref, &first)
		b.run(t, b.Publish, ref, &second)
		require.Equal(t, first, second)
		return first.Handover
	}
	finish := func(status string) *activities.Handover {
		ref := b.loaded(t, `{"rows": 20, "start_date": "2005-01-01", "end_date": "2005-01-31"}`)
		var answer activities.Finished
		b.run(t, b.Finish, activities.Ended{ImportID: ref.ImportID, Status: status, Class: "bad_input", Reason: "wrong"}, &answer)
		return answer.Handover
	}
	require.Nil(t, publish())
	require.Nil(t, finish(store.StatusFailed))
	b.apply(t, "flows:\n  - name: events"+to+"  - name: others\n    from: {import: csv}"+to+
		"  - name: nothing\n    enabled: false\n    from: {import: \"*\"}"+to)
	require.Nil(t, publish())
	require.Nil(t, finish(store.StatusFailed))

	b.apply(t, "flows:\n  - name: a\n    from: {import: noop, event: import.failed}"+to)
	require.Nil(t, publish())
	require.Nil(t, finish(store.StatusCancelled))
	failed := finish(store.StatusFailed)
	require.NotNil(t, failed)
	require.Equal(t, []any{store.StatusFailed, "bad_input", "wrong", "example.com", "noop", true, false},
		[]any{failed.Status, failed.Class, failed.Reason, failed.Site, failed.Importer, failed.End, failed.Records})

	b.apply(t, "flows:\n  - name: a\n    from: {import: \"*\", records: true}"+to)
	require.Nil(t, finish(store.StatusFailed))
	completed := publish()
	require.NotNil(t, completed)
	require.Equal(t, activities.PartResult{RowsRead: 20, RowsLoaded: 18, RowsRejected: 2}, completed.PartResult)
	require.Equal(t, []any{store.StatusCompleted, false, true, false}, []any{
		completed.Status, completed.End, completed.Records, completed.FinishedAt.IsZero(),
	})

	// A flow that this worker cannot read may want anything; it does not keep the import from its end.
	_, err := b.store.ApplyFlows(b.ctx, store.FlowSet{Prune: true, Flows: []store.FlowSpec{{Name: "a", Spec: json.RawMessage(`{"import": 7}`)}}})
	require.NoError(t, err)
	unknown := publish()
	require.NotNil(t, unknown)
	require.True(t, unknown.End && unknown.Records)
}

// The end is told with all that is known of it, under a key of its own.
func TestHandOverEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h, a := b.handovers()
	b.apply(t, "flows:\n  - name: a\n    from: {import: \"*\"}"+to)
	ref := b.loaded(t, `{"rows": 20, "bad_rows": 2}`)
	var published activities.Published
	b.run(t, b.Publish, ref, &published)
	for range 2 {
		var handed activities.HandedOver
		b.run(t, h.HandOverEnd, *published.Handover, &handed)
		require.Equal(t, activities.HandedOver{Jobs: 1}, handed)
	}
	require.Equal(t, []string{fmt.Sprintf("import/%d/0/end", ref.ImportID)}, a.keys)
	e := a.added[a.keys[0]].Event
	imp := b.imp(t, ref)
	require.Equal(t, []any{"import", "import.completed", imp.FinishedAt.UTC()}, []any{e.Source, e.Name, e.SentAt})
	var got flow.ImportEnd
	require.NoError(t, json.Unmarshal(e.Data, &got))
	started := imp.StartedAt.UTC()
	require.Equal(t, flow.ImportEnd{
		ImportID: ref.ImportID, Site: "example.com", Importer: "noop", Label: "No operation", Status: "completed",
		Days: "2021-01-01..2021-01-31", RowsRead: 20, RowsLoaded: 18, RowsRejected: 2,
		CreatedAt: imp.CreatedAt.UTC(), StartedAt: &started, FinishedAt: imp.FinishedAt.UTC(),
	}, got)
}

// Rows are handed over page by page, each once, whatever the chunks they are in, and again
// under the same keys.
func TestHandOverRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h, a := b.handovers()
	b.apply(t, "flows:\n  - name: a\n    from: {import: \"*\", records: true}"+to)
	b.chunkRows = 300
	ref := b.loaded(t, `{"rows": 2405, "parts": 3, "bad_rows": 2}`)
	var published activities.Published
	b.run(t, b.Publish, ref, &published)
	walk := func() (sum activities.HandedOver, pages int) {
		page := activities.HandoverPage{Handover: *published.Handover}
		for {
			var handed activities.HandedPage
			b.run(t, h.HandOverRows, page, &handed)
			require.LessOrEqual(t, handed.Rows, int64(activities.MaxHandedRows))
			require.Empty(t, handed.Stopped)
			sum.Add(handed.HandedOver)
			pages++
			if handed.Next == nil {
				return sum, pages
			}
			page.From = *handed.Next
		}
	}
	sum, pages := walk()
	require.Equal(t, activities.HandedOver{Rows: 2403, Jobs: 2403}, sum)
	require.Equal(t, 2, pages)
	require.Len(t, a.added, 2403)
	keys := slices.Clone(a.keys)
	require.Equal(t, fmt.Sprintf("import/%d/0/imported_visitors/0/0/0", ref.ImportID), keys[0])

	// No row is missing and none comes twice: noop numbers its visitors.
	seen := map[int]bool{}
	for _, e := range a.added {
		var data struct {
			Table string
			Row   struct {
				Date     string
				Visitors int
			}
		}
		require.NoError(t, json.Unmarshal(e.Event.Data, &data))
		require.Equal(t, "imported_visitors", data.Table)
		require.True(t, strings.HasPrefix(data.Row.Date, "2021-01-"), data.Row.Date)
		require.JSONEq(t, fmt.Sprintf(`{"import_id": %d, "site": "example.com", "importer": "noop"}`, ref.ImportID), string(e.Event.Context))
		seen[data.Row.Visitors] = true
	}
	require.Len(t, seen, 2403)

	before := a.added
	sum, _ = walk()
	require.Equal(t, activities.HandedOver{Rows: 2403, Jobs: 2403}, sum)
	require.Equal(t, keys, a.keys, "the second time everything is there")
	require.Equal(t, before, a.added)

	// The order does not depend on how ClickHouse keeps the rows.
	again, b2 := &adder{added: map[string]activities.ImportEvent{}}, b.newEnv()
	h.Add = again.add
	b2.RegisterActivity(h.HandOverRows)
	b.env = b2
	walk()
	require.Equal(t, a.added, again.added)
}

// Rows of which nothing can be made are counted and told of, as many as may be, and keep no
// other from its way.
func TestUnfitRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h, a := b.handovers()
	ref := b.loaded(t, `{"rows": 30}`)
	b.apply(t, "flows:\n  - name: a\n    from: {import: \"*\"}"+to+"  - name: b\n    from: {import: \"*\", records: true}"+to)
	var published activities.Published
	b.run(t, b.Publish, ref, &published)
	a.unfit = func(key string) error {
		if strings.HasSuffix(key, "/3") || strings.HasSuffix(key, "/end") {
			return errors.New("flow b: to[0]: it makes no sense\x00" + strings.Repeat("é", 500))
		}
		return nil
	}
	for range 2 {
		var handed activities.HandedOver
		b.run(t, h.HandOverEnd, *published.Handover, &handed)
		require.Equal(t, activities.HandedOver{Unfit: 1, Told: 1}, handed)
		var page activities.HandedPage
		b.run(t, h.HandOverRows, activities.HandoverPage{Handover: *published.Handover, Tell: 2}, &page)
		require.Equal(t, activities.HandedPage{HandedOver: activities.HandedOver{Rows: 30, Jobs: 27, Unfit: 3, Told: 2}}, page)
	}
	lines := b.log(t, ref)[1:]
	require.Len(t, lines, 3, "nothing is said twice")
	require.Contains(t, lines[0], "warn: How it has ended could not be handed over: flow b: to[0]: it makes no sense")
	require.Contains(t, lines[1], "warn: Row 0/0/3 (part/chunk/row) of imported_visitors could not be handed over: flow b: ")
	require.Contains(t, lines[2], "warn: Row 0/1/3 (part/chunk/row) of imported_visitors")
	require.Less(t, len([]rune(lines[1])), 420)
}

// An attempt that dies in the middle of a page is repeated, and everything is there once.
func TestHandOverIsRepeated(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h, a := b.handovers()
	ref := b.loaded(t, `{"rows": 30}`)
	b.apply(t, "flows:\n  - name: b\n    from: {import: \"*\", records: true}"+to)
	var published activities.Published
	b.run(t, b.Publish, ref, &published)
	a.fail = func(n int) error {
		if len(a.added) >= 14 {
			return errors.New("the store is away")
		}
		return nil
	}
	page := activities.HandoverPage{Handover: *published.Handover}
	require.False(t, b.fails(t, h.HandOverRows, page).NonRetryable())
	require.Len(t, a.added, 14)
	a.fail = nil
	var handed activities.HandedPage
	b.run(t, h.HandOverRows, page, &handed)
	require.Equal(t, activities.HandedPage{HandedOver: activities.HandedOver{Rows: 30, Jobs: 30}}, handed)
	require.Len(t, a.added, 30)
}

// Rows that go while they are handed over are missed, unless the import is being deleted.
func TestHandOverOfWhatGoes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h, a := b.handovers()
	ref := b.loaded(t, `{"rows": 30}`)
	b.apply(t, "flows:\n  - name: b\n    from: {import: \"*\"}"+to+"  - name: c\n    from: {import: \"*\", records: true}"+to)
	var published activities.Published
	b.run(t, b.Publish, ref, &published)
	page := activities.HandoverPage{Handover: *published.Handover}
	require.NoError(t, b.wh.PurgeRows(b.ctx, schema.Visitors, uint64(b.site.ID), uint64(ref.ImportID)))
	var handed activities.HandedPage
	b.run(t, h.HandOverRows, page, &handed)
	require.Equal(t, activities.HandedPage{HandedOver: activities.HandedOver{Missing: 30}}, handed)
	require.NoError(t, b.store.RequestDeletion(b.ctx, ref.ImportID))
	handed = activities.HandedPage{}
	b.run(t, h.HandOverRows, page, &handed)
	require.Equal(t, activities.HandedPage{Stopped: "the import is deleting"}, handed)
	b.run(t, b.Remove, ref, nil)
	handed = activities.HandedPage{}
	b.run(t, h.HandOverRows, page, &handed)
	require.Equal(t, activities.HandedPage{Stopped: "the import was deleted"}, handed)
	var end activities.HandedOver
	b.run(t, h.HandOverEnd, *published.Handover, &end)
	require.Zero(t, end)
	require.Empty(t, a.added)
}

// Many chunks of a few rows are gone through, too: here of none that the warehouse has.
func TestHandOverOfManyChunks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h, _ := b.handovers()
	b.apply(t, "flows:\n  - name: b\n    from: {import: \"*\", records: true}"+to)
	ref := b.create(t, b.site, `{"rows": 30}`)
	b.run(t, b.BeforeStart, ref, nil)
	b.run(t, b.Plan, ref, nil)
	part, open, err := b.store.ClaimPart(b.ctx, ref.ImportID, 0, 0)
	require.NoError(t, err)
	require.True(t, open)
	const chunks = 510
	for no := range int32(chunks) {
		require.NoError(t, b.store.RecordChunk(b.ctx, store.Checkpoint{
			Chunk: store.Chunk{ImportID: ref.ImportID, No: no, RowsRead: 1, RowsLoaded: 1}, FencingToken: part.FencingToken,
		}))
	}
	require.NoError(t, b.store.FinishPart(b.ctx, store.DonePart{ImportID: ref.ImportID, FencingToken: part.FencingToken, Claims: part.FreeDays}))
	require.NoError(t, b.finish(ref, store.StatusCompleted))
	page, missing, pages := activities.HandoverPage{Handover: activities.Handover{ImportID: ref.ImportID}}, int64(0), 0
	for {
		var handed activities.HandedPage
		b.run(t, h.HandOverRows, page, &handed)
		missing += handed.Missing
		pages++
		if handed.Next == nil {
			break
		}
		page.From = *handed.Next
	}
	require.EqualValues(t, chunks, missing)
	require.Equal(t, 2, pages)
}
