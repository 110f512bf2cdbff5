package dispatch_test

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

	"github.com/sluicehq/sluice/activities/dispatch"
	"github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/destinations/flow"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// adder keeps what it is given, once by its key.
type adder struct {
	mu    sync.Mutex
	added map[string]dispatch.ImportEvent
	keys  []string
	// unfit says what is wrong with an event, nil if nothing is.
	unfit func(key string) error
	// fail is returned after what comes before was kept, if set.
	fail func(n int) error
}

func (a *adder) add(_ context.Context, events []dispatch.ImportEvent) ([]dispatch.AddedImportEvent, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	answers := make([]dispatch.AddedImportEvent, len(events))
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

// dispatcher returns the activities that dispatch to an adder.
func (b *bundle) dispatcher() (*dispatch.Dispatcher, *adder) {
	a := &adder{added: map[string]dispatch.ImportEvent{}}
	h := &dispatch.Dispatcher{Store: b.Store, Warehouse: b.Wh, Add: a.add}
	b.Env.RegisterActivity(h.DispatchEnd)
	b.Env.RegisterActivity(h.DispatchRows)
	return h, a
}

// apply makes the flows those of a text in YAML.
func (b *bundle) apply(t *testing.T, text string) {
	t.Helper()
	flows, err := flow.Parse("flows.yaml", []byte(text))
	require.NoError(t, err)
	set := deliverystore.FlowSet{Prune: true}
	for _, f := range flows {
		spec, err := json.Marshal(f)
		require.NoError(t, err)
		set.Flows = append(set.Flows, deliverystore.FlowSpec{Name: f.Name, Spec: spec})
	}
	_, err = b.Deliveries.ApplyFlows(b.Ctx, set)
	require.NoError(t, err)
}

const to = "\n    to: [{destination: log, action: write}]\n"

// What publish and finish answer depends on the flows that are in force, and on nothing else.
func TestWhatIsToBeDispatched(t *testing.T) {
	t.Parallel()
	b, year := setup(t), 2010
	publish := func() *importing.Outcome {
		year++
		ref := b.Loaded(t, fmt.Sprintf(`{"rows": 20, "bad_rows": 2, "start_date": "%d-01-01", "end_date": "%[1]d-01-31"}`, year))
		var first, second importing.Published
		b.Run(t, b.Publish, ref, &first)
		b.Run(t, b.Publish, ref, &second)
		require.Equal(t, first, second)
		return first.Outcome
	}
	finish := func(status string) *importing.Outcome {
		ref := b.Loaded(t, `{"rows": 20, "start_date": "2005-01-01", "end_date": "2005-01-31"}`)
		var answer importing.Finished
		b.Run(t, b.Finish, importing.Ended{ImportID: ref.ImportID, Status: status, Class: "bad_input", Reason: "wrong"}, &answer)
		return answer.Outcome
	}
	require.Nil(t, publish())
	require.Nil(t, finish(importstore.StatusFailed))
	b.apply(t, "flows:\n  - name: events"+to+"  - name: others\n    from: {import: csv}"+to+
		"  - name: nothing\n    enabled: false\n    from: {import: \"*\"}"+to)
	require.Nil(t, publish())
	require.Nil(t, finish(importstore.StatusFailed))

	b.apply(t, "flows:\n  - name: a\n    from: {import: noop, event: import.failed}"+to)
	require.Nil(t, publish())
	require.Nil(t, finish(importstore.StatusCancelled))
	failed := finish(importstore.StatusFailed)
	require.NotNil(t, failed)
	require.Equal(t, []any{importstore.StatusFailed, "bad_input", "wrong", "example.com", "noop", true, false},
		[]any{failed.Status, failed.Class, failed.Reason, failed.Site, failed.Importer, failed.End, failed.Records})

	b.apply(t, "flows:\n  - name: a\n    from: {import: \"*\", records: true}"+to)
	require.Nil(t, finish(importstore.StatusFailed))
	completed := publish()
	require.NotNil(t, completed)
	require.Equal(t, importing.PartResult{RowsRead: 20, RowsLoaded: 18, RowsRejected: 2}, completed.PartResult)
	require.Equal(t, []any{importstore.StatusCompleted, false, true, false}, []any{
		completed.Status, completed.End, completed.Records, completed.FinishedAt.IsZero(),
	})

	// A flow that this worker cannot read may want anything; it does not keep the import from its end.
	_, err := b.Deliveries.ApplyFlows(b.Ctx, deliverystore.FlowSet{Prune: true, Flows: []deliverystore.FlowSpec{{Name: "a", Spec: json.RawMessage(`{"import": 7}`)}}})
	require.NoError(t, err)
	unknown := publish()
	require.NotNil(t, unknown)
	require.True(t, unknown.End && unknown.Records)
}

// The event of the end has all that is known of it, under a key of its own.
func TestDispatchEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h, a := b.dispatcher()
	b.apply(t, "flows:\n  - name: a\n    from: {import: \"*\"}"+to)
	ref := b.Loaded(t, `{"rows": 20, "bad_rows": 2}`)
	var published importing.Published
	b.Run(t, b.Publish, ref, &published)
	for range 2 {
		var counts dispatch.Counts
		b.Run(t, h.DispatchEnd, *published.Outcome, &counts)
		require.Equal(t, dispatch.Counts{Jobs: 1}, counts)
	}
	require.Equal(t, []string{fmt.Sprintf("import/%d/0/end", ref.ImportID)}, a.keys)
	e := a.added[a.keys[0]].Event
	imp := b.Imp(t, ref)
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

// Rows are dispatched page by page, each once, whatever the chunks they are in, and again
// under the same keys.
func TestDispatchRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h, a := b.dispatcher()
	b.apply(t, "flows:\n  - name: a\n    from: {import: \"*\", records: true}"+to)
	b.ChunkRows = 300
	ref := b.Loaded(t, `{"rows": 2405, "parts": 3, "bad_rows": 2}`)
	var published importing.Published
	b.Run(t, b.Publish, ref, &published)
	walk := func() (sum dispatch.Counts, pages int) {
		page := dispatch.PageRequest{Outcome: *published.Outcome}
		for {
			var counts dispatch.PageResult
			b.Run(t, h.DispatchRows, page, &counts)
			require.LessOrEqual(t, counts.Rows, int64(dispatch.MaxPageRows))
			require.Empty(t, counts.Stopped)
			sum.Add(counts.Counts)
			pages++
			if counts.Next == nil {
				return sum, pages
			}
			page.From = *counts.Next
		}
	}
	sum, pages := walk()
	require.Equal(t, dispatch.Counts{Rows: 2403, Jobs: 2403}, sum)
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
	require.Equal(t, dispatch.Counts{Rows: 2403, Jobs: 2403}, sum)
	require.Equal(t, keys, a.keys, "the second time everything is there")
	require.Equal(t, before, a.added)

	// The order does not depend on how ClickHouse keeps the rows.
	again, b2 := &adder{added: map[string]dispatch.ImportEvent{}}, b.NewEnv()
	h.Add = again.add
	b2.RegisterActivity(h.DispatchRows)
	b.Env = b2
	walk()
	require.Equal(t, a.added, again.added)
}

// Rows of which nothing can be made are counted and told of, as many as may be, and keep no
// other from its way.
func TestUnfitRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h, a := b.dispatcher()
	ref := b.Loaded(t, `{"rows": 30}`)
	b.apply(t, "flows:\n  - name: a\n    from: {import: \"*\"}"+to+"  - name: b\n    from: {import: \"*\", records: true}"+to)
	var published importing.Published
	b.Run(t, b.Publish, ref, &published)
	a.unfit = func(key string) error {
		if strings.HasSuffix(key, "/3") || strings.HasSuffix(key, "/end") {
			return errors.New("flow b: to[0]: it makes no sense\x00" + strings.Repeat("é", 500))
		}
		return nil
	}
	for range 2 {
		var counts dispatch.Counts
		b.Run(t, h.DispatchEnd, *published.Outcome, &counts)
		require.Equal(t, dispatch.Counts{Unfit: 1, Told: 1}, counts)
		var page dispatch.PageResult
		b.Run(t, h.DispatchRows, dispatch.PageRequest{Outcome: *published.Outcome, Tell: 2}, &page)
		require.Equal(t, dispatch.PageResult{Counts: dispatch.Counts{Rows: 30, Jobs: 27, Unfit: 3, Told: 2}}, page)
	}
	lines := b.Log(t, ref)[1:]
	require.Len(t, lines, 3, "nothing is said twice")
	require.Contains(t, lines[0], "warn: How it has ended could not be dispatched: flow b: to[0]: it makes no sense")
	require.Contains(t, lines[1], "warn: Row 0/0/3 (part/chunk/row) of imported_visitors could not be dispatched: flow b: ")
	require.Contains(t, lines[2], "warn: Row 0/1/3 (part/chunk/row) of imported_visitors")
	require.Less(t, len([]rune(lines[1])), 420)
}

// An attempt that dies in the middle of a page is repeated, and everything is there once.
func TestDispatchIsRepeated(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h, a := b.dispatcher()
	ref := b.Loaded(t, `{"rows": 30}`)
	b.apply(t, "flows:\n  - name: b\n    from: {import: \"*\", records: true}"+to)
	var published importing.Published
	b.Run(t, b.Publish, ref, &published)
	a.fail = func(n int) error {
		if len(a.added) >= 14 {
			return errors.New("the store is away")
		}
		return nil
	}
	page := dispatch.PageRequest{Outcome: *published.Outcome}
	require.False(t, b.Fails(t, h.DispatchRows, page).NonRetryable())
	require.Len(t, a.added, 14)
	a.fail = nil
	var counts dispatch.PageResult
	b.Run(t, h.DispatchRows, page, &counts)
	require.Equal(t, dispatch.PageResult{Counts: dispatch.Counts{Rows: 30, Jobs: 30}}, counts)
	require.Len(t, a.added, 30)
}

// Rows that go while they are dispatched are missed, unless the import is being deleted.
func TestDispatchOfWhatGoes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h, a := b.dispatcher()
	ref := b.Loaded(t, `{"rows": 30}`)
	b.apply(t, "flows:\n  - name: b\n    from: {import: \"*\"}"+to+"  - name: c\n    from: {import: \"*\", records: true}"+to)
	var published importing.Published
	b.Run(t, b.Publish, ref, &published)
	page := dispatch.PageRequest{Outcome: *published.Outcome}
	require.NoError(t, b.Wh.PurgeRows(b.Ctx, schema.Visitors, uint64(b.Site.ID), uint64(ref.ImportID)))
	var counts dispatch.PageResult
	b.Run(t, h.DispatchRows, page, &counts)
	require.Equal(t, dispatch.PageResult{Counts: dispatch.Counts{Missing: 30}}, counts)
	require.NoError(t, b.Store.RequestDeletion(b.Ctx, ref.ImportID))
	counts = dispatch.PageResult{}
	b.Run(t, h.DispatchRows, page, &counts)
	require.Equal(t, dispatch.PageResult{Stopped: "the import is deleting"}, counts)
	b.Run(t, b.Remove, ref, nil)
	counts = dispatch.PageResult{}
	b.Run(t, h.DispatchRows, page, &counts)
	require.Equal(t, dispatch.PageResult{Stopped: "the import was deleted"}, counts)
	var end dispatch.Counts
	b.Run(t, h.DispatchEnd, *published.Outcome, &end)
	require.Zero(t, end)
	require.Empty(t, a.added)
}

// Many chunks of a few rows are gone through, too: here of none that the warehouse has.
func TestDispatchOfManyChunks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h, _ := b.dispatcher()
	b.apply(t, "flows:\n  - name: b\n    from: {import: \"*\", records: true}"+to)
	ref := b.Create(t, b.Site, `{"rows": 30}`)
	b.Run(t, b.BeforeStart, ref, nil)
	b.Run(t, b.Plan, ref, nil)
	part, open, err := b.Store.ClaimPart(b.Ctx, ref.ImportID, 0, 0)
	require.NoError(t, err)
	require.True(t, open)
	const chunks = 510
	for no := range int32(chunks) {
		require.NoError(t, b.Store.RecordChunk(b.Ctx, importstore.Checkpoint{
			Chunk: importstore.Chunk{ImportID: ref.ImportID, No: no, RowsRead: 1, RowsLoaded: 1}, FencingToken: part.FencingToken,
		}))
	}
	require.NoError(t, b.Store.FinishPart(b.Ctx, importstore.DonePart{ImportID: ref.ImportID, FencingToken: part.FencingToken, Claims: part.FreeDays}))
	require.NoError(t, b.EndInStore(ref, importstore.StatusCompleted))
	page, missing, pages := dispatch.PageRequest{Outcome: importing.Outcome{ImportID: ref.ImportID}}, int64(0), 0
	for {
		var counts dispatch.PageResult
		b.Run(t, h.DispatchRows, page, &counts)
		missing += counts.Missing
		pages++
		if counts.Next == nil {
			break
		}
		page.From = *counts.Next
	}
	require.EqualValues(t, chunks, missing)
	require.Equal(t, 2, pages)
}
