package importing_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// dry runs a dry run of the noop importer.
func (b *bundle) dry(t *testing.T, args string, change ...func(*importing.DryRunRequest)) importing.DryRunReport {
	t.Helper()
	normal, err := noop.New().ParseArgs(json.RawMessage(args))
	require.NoError(t, err)
	r := importing.DryRunRequest{
		Site: b.Site.Domain, Source: "noop", Args: normal, ChunkBytes: 1 << 20, Parallelism: 2, MaxRejects: 5,
		Dependencies: []importers.Dependency{{Resource: "site:" + b.Site.Domain}},
	}
	for _, fn := range change {
		fn(&r)
	}
	var report importing.DryRunReport
	runs := &importing.DryRuns{Lifecycle: &b.Lifecycle}
	env := b.NewEnv()
	env.RegisterActivity(runs.DryRun)
	value, err := env.ExecuteActivity(runs.DryRun, r)
	require.NoError(t, err)
	require.NoError(t, value.Get(&report))
	return report
}

// The expected rows are reported, and estimated where the source was not read.
func TestDryRun(t *testing.T) {
	t.Parallel()
	b := setup(t)
	args := `{"rows": 300000, "parts": 12, "bad_rows": 4, "start_date": "2023-01-01", "end_date": "2023-01-03"}`
	got := b.dry(t, args, func(r *importing.DryRunRequest) { r.Review = true })
	require.Equal(t, []any{"example.com", "noop", "2023-01-01..2023-01-03", "2023-01-01..2023-01-03", true, 12, ""},
		[]any{got.Site, got.Source, got.SourceDays, got.Days, got.Review, got.PartsTotal, got.Error})
	require.Equal(t, []importing.DryRunLine{{Level: "info", Message: "Importing 2023-01-01..2023-01-03."}}, got.Log)
	require.Equal(t, []importing.DryRunLock{{
		Resource: "site:example.com", Holders: []int64{}, Waiting: []int64{}, Free: true,
	}}, got.Locks)
	require.Len(t, got.Parts, importing.MaxDryRunParts)
	p := got.Parts[0]
	require.Equal(t, []any{0, "imported_visitors", "part 1 of 12", int64(10000), int64(4), int64(0), false, int64(25000)},
		[]any{p.Part, p.Table, p.Label, p.RowsRead, p.RowsRejected, p.RowsOutOfRange, p.Complete, *p.EstimatedRows})
	require.Equal(t, []string{"date", "visitors", "pageviews", "bounces", "visits", "visit_duration"}, p.Columns)
	require.Equal(t, [][]string{
		{"2023-01-02", "5", "15", "1", "10", "300"}, {"2023-01-03", "6", "18", "0", "12", "360"}, {"2023-01-01", "7", "21", "1", "14", "420"},
	}, p.Sample)
	require.Len(t, p.Rejects, 4)
	require.Equal(t, importing.DryRunReject{
		File: "part 1 of 12", Line: 1, Column: "visitors", Reason: "invalid row as configured: lower bad_rows",
	}, p.Rejects[0])
	require.EqualValues(t, 300000, *got.EstimatedRows)
	require.Equal(t, importing.SpeedSample, got.SpeedIs)
	require.InDelta(t, 300000/float64(got.RowsPerSecond), *got.EstimatedSeconds, 1e-9)

	bounded := b.dry(t, args, func(r *importing.DryRunRequest) { r.RowsPerSecond = 100 })
	require.Equal(t, []any{int64(100), importing.SpeedRate, 3000.0},
		[]any{bounded.RowsPerSecond, bounded.SpeedIs, *bounded.EstimatedSeconds})
	none := b.dry(t, `{"rows": 0}`)
	require.Equal(t, []any{true, int64(0), int64(0)}, []any{none.Parts[0].Complete, *none.Parts[0].EstimatedRows, *none.EstimatedRows})
	require.Nil(t, none.EstimatedSeconds)
	small := b.dry(t, `{"rows": 7}`)
	require.Equal(t, []any{true, int64(7)}, []any{small.Parts[0].Complete, *small.EstimatedRows})
}

// The error of a run is reported unchanged; callbacks that must not run do not.
func TestDryRunTellsWhatFails(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args, class, want string
	}{
		"source":  {`{"fail": "before_start", "permanent": true}`, "bad_input", "noop failed as configured in before_start"},
		"plan":    {`{"fail": "plan"}`, "source_unavailable", "noop failed as configured in plan"},
		"panic":   {`{"panic": "plan"}`, "source_unavailable", "the importer panicked: noop panicked as configured in plan"},
		"part":    {`{"rows": 5, "fail": "import_data", "permanent": true}`, "bad_input", "open part 1 of 1: noop failed as configured in import_data"},
		"rejects": {`{"rows": 9, "bad_rows": 6}`, "too_many_rejects", "part 1 of 1: 6 of the first 9 rows are rejected"},
		"days":    {`{"start_date": "2100-01-01", "end_date": "2100-01-02"}`, "no_free_days", "no day is left to import: the source has 2100-01-01..2100-01-02"},
		"later":   {`{"rows": 5, "fail": "on_success", "permanent": true}`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := setup(t).dry(t, tc.args)
			require.Equal(t, tc.class, got.Class)
			require.True(t, strings.HasPrefix(got.Error, tc.want), got.Error)
		})
	}
	t.Run("clean-up", func(t *testing.T) {
		t.Parallel()
		got := setup(t).dry(t, `{"rows": 5, "fail": "clean_up"}`)
		require.Empty(t, got.Error, "it would not keep an import from ending well either")
		require.Contains(t, got.Log[len(got.Log)-1].Message, "Cleaning up failed: noop failed as configured in clean_up")
	})
	t.Run("wait", func(t *testing.T) {
		t.Parallel()
		got := setup(t).dry(t, `{"fail": "plan", "wait": "1h"}`)
		require.Empty(t, got.Error)
		require.WithinDuration(t, time.Now().Add(time.Hour), *got.WaitUntil, time.Minute)
	})
	t.Run("unchanged", func(t *testing.T) {
		t.Parallel()
		got := setup(t).dry(t, `{"unchanged": true}`)
		require.Contains(t, got.Unchanged, "as configured")
		require.Empty(t, got.Error)
	})
}

// Other imports count: their days are taken, their locks held, their content known.
func TestDryRunSeesOthers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ref := b.Loaded(t, `{"rows": 3, "start_date": "2023-01-01", "end_date": "2023-01-02", "fingerprint": "abc"}`)
	b.Run(t, b.Publish, ref, nil)
	require.Contains(t, b.dry(t, `{"rows": 3, "fingerprint": "abc"}`).Unchanged, "import 1 has brought in the same content")
	got := b.dry(t, `{"rows": 3, "start_date": "2023-01-01", "end_date": "2023-01-04"}`)
	require.Equal(t, []string{"2023-01-01..2023-01-04", "2023-01-03..2023-01-04"}, []string{got.SourceDays, got.Days})
	require.Equal(t, importing.DryRunLine{Level: "warn", Message: "Left out 2023-01-01..2023-01-02: imported before, by import 1."}, got.Log[0])
	require.EqualValues(t, 2, got.Parts[0].RowsLeftOut)

	b.Dependencies = []importstore.Dependency{{Resource: "site:example.com"}}
	held := b.Create(t, b.Site, `{}`)
	_, err := b.Store.AcquireLocks(b.Ctx, held.ImportID, "run", importstore.LockLimits{})
	require.NoError(t, err)
	lock := b.dry(t, `{}`).Locks[0]
	require.Equal(t, []any{[]int64{held.ImportID}, false}, []any{lock.Holders, lock.Free})
}

// wordy has a source whose every text is as long as it may be.
type wordy struct{ importers.Importer }

func (w wordy) Plan(ctx context.Context, imp importers.Import) (importers.Plan, error) {
	plan, err := w.Importer.Plan(ctx, imp)
	for i := range plan.Parts {
		plan.Parts[i].Label = fmt.Sprintf("%0200d", i)
	}
	for range 60 {
		if err := imp.Feedback.Warn(ctx, strings.Repeat("<", 2000)); err != nil {
			return plan, err
		}
	}
	return plan, err
}

// Whatever a source is like, the report fits into a history.
func TestDryRunFits(t *testing.T) {
	t.Parallel()
	b := setup(t, wordy{enginetest.Impatient(noop.New())})
	var locks []importers.Dependency
	for i := range importers.MaxDependencies {
		locks = append(locks, importers.Dependency{Resource: fmt.Sprintf("%0200d", i)})
	}
	got := b.dry(t, `{"rows": 100, "bad_rows": 100, "parts": 50}`, func(r *importing.DryRunRequest) { r.Dependencies = locks })
	data, err := json.Marshal(got)
	require.NoError(t, err)
	require.LessOrEqual(t, len(data), importing.MaxDryRunResult)
	require.NotEmpty(t, got.Parts)
}
