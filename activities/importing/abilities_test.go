package importing_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// bare is an importer without any of the optional callbacks, whose parts share a warning.
type bare struct{ importers.Importer }

func (bare) BeforeStart(ctx context.Context, imp importers.Import) (json.RawMessage, error) {
	for _, part := range []string{"part 1", "part 2"} {
		if err := imp.Feedback.WarnPart(ctx, importers.PartWarning{Part: part, Message: "rows are withheld", Rows: 2}); err != nil {
			return nil, err
		}
	}
	return nil, imp.Feedback.Error(ctx, "a column is unknown")
}

// An importer needs no optional callback.
func TestBareImporter(t *testing.T) {
	t.Parallel()
	b := setup(t, bare{noop.New()})
	ref := b.Loaded(t, `{"rows": 5}`)
	for _, fn := range []any{b.Summarize, b.Finalize, b.CleanUp} {
		b.Run(t, fn, ref, nil)
	}
	require.Equal(t, importstore.PhaseCleanUp, b.Imp(t, ref).Phase)
	log := b.Log(t, ref)
	require.Contains(t, log, "warn: part 1 and 1 more part: rows are withheld: 4 rows")
	require.Contains(t, log, "error: a column is unknown")
	require.Equal(t, "error", b.dry(t, `{"rows": 5}`).Log[1].Level)
}

// talkative is an importer that returns what it must not.
type talkative struct {
	*noop.Importer
	data, summary json.RawMessage
	fingerprint   string
}

func (w *talkative) BeforeStart(context.Context, importers.Import) (json.RawMessage, error) {
	return w.data, nil
}

func (w *talkative) Summarize(context.Context, importers.Import, []importers.PartData) (json.RawMessage, error) {
	return w.summary, nil
}

func (w *talkative) Fingerprint(context.Context, importers.Import) (string, error) {
	return w.fingerprint, nil
}

// What an importer returns is bounded and has its form; otherwise it is a fault of the importer, which no retry changes.
func TestRefusedResults(t *testing.T) {
	t.Parallel()
	w := &talkative{Importer: noop.New(), data: json.RawMessage(`{"files": `)}
	b := setup(t, w)
	ref := b.Create(t, b.Site, `{"rows": 1}`)
	require.Equal(t, "importer noop: before_start returned data that is not JSON",
		b.Refused(t, b.BeforeStart, ref, importers.ClassInternal))
	w.data = nil
	b.Run(t, b.BeforeStart, ref, nil)
	w.fingerprint = strings.Repeat("x", importers.MaxFingerprint+1)
	require.Equal(t, "importer noop: a fingerprint of 201 bytes: want at most 200", b.Refused(t, b.Plan, ref, importers.ClassInternal))
	w.fingerprint = ""
	b.Run(t, b.Plan, ref, nil)
	w.summary = json.RawMessage(" [1]")
	require.Equal(t, "importer noop: Summarize returned JSON that is not an object",
		b.Refused(t, b.Summarize, ref, importers.ClassInternal))
	w.summary = json.RawMessage(`{"n": 1}`)
	b.Run(t, b.Summarize, ref, nil)
}

// A permanent failure behind the end of an import is logged as such, and a deleted import has nothing to be done. The
// decision of a person is no error in the log, and a decline is written there with the decision. A review that was decided
// by an earlier run of the workflow is not opened again.
func TestEnds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ref := b.Loaded(t, `{"rows": 20, "fail": "on_success", "permanent": true}`)
	require.NoError(t, b.EndInStore(ref, importstore.StatusCompleted))
	b.Refused(t, b.OnSuccess, ref, importers.ClassInput)
	require.Contains(t, b.Log(t, ref),
		"warn: on_success failed, the error is permanent; the import is completed: noop failed as configured in on_success")
	gone := importing.ImportRef{ImportID: 404}
	b.Run(t, b.OnSuccess, gone, nil)
	b.Run(t, b.Note, importing.Note{ImportID: 404, Level: importstore.LevelInfo, Message: "paused by ann"}, nil)

	for status, want := range map[string]string{
		importstore.StatusCancelled: "info: the reason", importstore.StatusFailed: "error: the reason", importstore.StatusDeclined: "",
	} {
		ref := b.Create(t, b.Site, `{"rows": 1, "start_date": "2020-01-01", "end_date": "2020-01-31"}`)
		b.Run(t, b.Plan, ref, nil)
		before := b.Log(t, ref)
		b.Run(t, b.NoteFailure, importing.Ended{ImportID: ref.ImportID, Status: status, Reason: "the reason"}, nil)
		if want != "" {
			before = append(before, want)
		}
		require.Equal(t, before, b.Log(t, ref), status)
	}

	ref = b.Loaded(t, `{"rows": 3, "start_date": "2022-01-01", "end_date": "2022-01-31"}`)
	b.Run(t, b.Reviews.Begin, ref, nil)
	verdict := importing.Verdict{ImportID: ref.ImportID, Verdict: importstore.Accepted, By: "ann", Reason: "it is complete"}
	b.Run(t, b.Reviews.Decide, verdict, nil)
	var opened importing.Opened
	b.Run(t, b.Reviews.Begin, ref, &opened)
	require.Equal(t, &verdict, opened.Decided)
	require.NotZero(t, opened.ExpiresAt)
}

// A dry run refuses what an import would, tells who waits for its locks, and that nothing would be loaded.
func TestDryRunRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	runs := &importing.DryRuns{Lifecycle: &b.Lifecycle}
	b.Env.RegisterActivity(runs.DryRun)
	require.Contains(t, b.Refused(t, runs.DryRun, importing.DryRunRequest{Site: "nowhere.example", Source: "noop"}, importers.ClassEnded),
		"nowhere.example")
	require.Equal(t, `unknown importer "future" (want noop)`,
		b.Refused(t, runs.DryRun, importing.DryRunRequest{Site: b.Site.Domain, Source: "future"}, importers.ClassInput))

	b.Dependencies = []importstore.Dependency{{Resource: "site:example.com"}}
	holder, waiter := b.Create(t, b.Site, `{}`), b.Create(t, b.Site, `{}`)
	for _, ref := range []importing.ImportRef{holder, waiter} {
		b.Run(t, b.Locks.Acquire, ref, nil)
	}
	require.Equal(t, importing.DryRunLock{
		Resource: "site:example.com", Holders: []int64{holder.ImportID}, Waiting: []int64{waiter.ImportID},
	}, b.dry(t, `{}`).Locks[0])

	b.complete(t, b.Site, "2023-01-01", "2023-01-02")
	got := b.dry(t, `{"rows": 2, "start_date": "2023-01-01", "end_date": "2023-01-03"}`)
	require.Equal(t, "2023-01-03..2023-01-03", got.Days)
	require.EqualValues(t, 2, got.Parts[0].RowsLeftOut)
	require.Equal(t, "all 2 rows are of days that are imported already or too late: nothing was loaded", got.Unchanged)
}
