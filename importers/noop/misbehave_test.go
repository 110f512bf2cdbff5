package noop

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/importertest"
)

// run returns an import with the arguments, over all days.
func run(t *testing.T, args string) importers.Import {
	t.Helper()
	normal, err := New().ParseArgs(json.RawMessage(args))
	require.NoError(t, err)
	return importers.Import{
		ID: 7, Args: normal, Feedback: &importertest.Log{}, Chunk: importers.ChunkLimit{Rows: 10},
		Window: calendar.NewSet(calendar.Range{First: calendar.MinDay, Last: calendar.MaxDay}),
	}
}

// calls are all callbacks by the names that arguments know them by.
func calls(ctx context.Context, n *Importer, imp importers.Import) map[string]func() error {
	return map[string]func() error{
		BeforeStart: func() error { return importertest.BeforeStart(ctx, n, imp) },
		Plan: func() error {
			_, err := n.Plan(ctx, imp)
			return err
		},
		ImportData: func() error {
			_, err := n.ImportData(ctx, imp, importers.Part{Args: json.RawMessage(`{"first": 0, "end": 0}`)}, "")
			return err
		},
		Finalize:  func() error { return n.Finalize(ctx, imp, importers.Result{}) },
		OnSuccess: func() error { return n.OnSuccess(ctx, imp, importers.Result{}) },
		OnFailure: func() error { return n.OnFailure(ctx, imp, "cause") },
		CleanUp:   func() error { return n.CleanUp(ctx, imp) },
		StageDone: func() error { return n.StageDone(ctx, nil, imp) },
	}
}

func TestFail(t *testing.T) {
	t.Parallel()
	for _, failing := range callbacks {
		t.Run(failing, func(t *testing.T) {
			t.Parallel()
			for name, call := range calls(t.Context(), New(), run(t, fmt.Sprintf(`{"fail": %q}`, failing))) {
				err := call()
				if name != failing {
					require.NoError(t, err, name)
					continue
				}
				require.ErrorIs(t, err, ErrAsked)
				require.ErrorContains(t, err, "noop failed as configured in "+failing)
				_, permanent := importers.ClassOf(err)
				require.False(t, permanent)
			}
			call := calls(t.Context(), New(), run(t, fmt.Sprintf(`{"fail": %q, "permanent": true}`, failing)))[failing]
			class, _ := importers.ClassOf(call())
			require.Equal(t, importers.ClassInput, class)
		})
	}
}

func TestPanic(t *testing.T) {
	t.Parallel()
	for _, failing := range callbacks {
		call := calls(t.Context(), New(), run(t, fmt.Sprintf(`{"panic": %q, "fail_times": 1}`, failing)))[failing]
		require.PanicsWithValue(t, "noop panicked as configured in "+failing, func() { require.NoError(t, call()) })
		require.NoError(t, call(), "the second call works")
	}
}

// Calls are counted by import and callback, also when they come at once.
func TestFailTimes(t *testing.T) {
	t.Parallel()
	n, imp := New(), run(t, `{"fail": "plan", "fail_times": 3}`)
	other := imp
	other.ID = 8
	for range 3 {
		require.ErrorIs(t, n.hook(t.Context(), other, Plan), ErrAsked)
		require.NoError(t, n.hook(t.Context(), imp, OnSuccess))
	}
	errs := make([]error, 10)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() { errs[i] = n.hook(t.Context(), imp, Plan) })
	}
	group.Wait()
	failed := 0
	for _, err := range errs {
		if err != nil {
			failed++
		}
	}
	require.Equal(t, 3, failed)
	require.NoError(t, n.hook(t.Context(), other, Plan))
}

func TestDelayEndsWithContext(t *testing.T) {
	t.Parallel()
	imp := run(t, `{"delay": "24h", "rows": 5}`)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	for name, call := range calls(ctx, New(), imp) {
		require.ErrorIs(t, call(), context.DeadlineExceeded, name)
	}
	imp = run(t, `{"delay": "1ms", "rows": 5}`)
	copies, err := importertest.ReadPart(t.Context(), New(), imp, importers.Part{
		Table: mustPlan(t, imp).Parts[0].Table, Args: json.RawMessage(`{"first": 0, "end": 5}`),
	}, "")
	require.NoError(t, err)
	require.Len(t, copies, 1)
}

func mustPlan(t *testing.T, imp importers.Import) importers.Plan {
	t.Helper()
	plan, err := New().Plan(t.Context(), imp)
	require.NoError(t, err)
	return plan
}

func TestRows(t *testing.T) {
	t.Parallel()
	imp := run(t, `{"rows": 11, "parts": 3, "bad_rows": 1, "start_date": "2021-01-01", "end_date": "2021-01-02"}`)
	plan := mustPlan(t, imp)
	require.Equal(t, "2021-01-01..2021-01-02", plan.Range.String())
	var rows []string
	for i, part := range plan.Parts {
		require.Equal(t, fmt.Sprintf("part %d of 3", i+1), part.Label)
		require.Equal(t, []int64{4 * RowBytes, 4 * RowBytes, 3 * RowBytes}[i], part.Bytes)
		copies, err := importertest.ReadPart(t.Context(), New(), imp, part, "")
		require.NoError(t, err)
		for _, c := range copies {
			rows = append(rows, c.Rows...)
			for _, r := range c.Rejects {
				require.Equal(t, importers.Reject{
					File: "part 1 of 3", Line: 1, Column: "visitors", Sample: "0",
					Reason: "invalid row as configured: lower bad_rows",
				}, r)
			}
		}
	}
	require.Len(t, rows, 10)
	require.Equal(t, "18629\t2\t6\t0\t4\t120\t", rows[0])
	require.Equal(t, "18628\t11\t33\t1\t22\t660\t", rows[9])
	require.Equal(t, uint64(11), Args{StartDate: 0, EndDate: 1}.Row(10).Visitors)
}

func TestArgsInFull(t *testing.T) {
	t.Parallel()
	normal, err := New().ParseArgs(nil)
	require.NoError(t, err)
	require.JSONEq(t, `{"rows": 0, "parts": 1, "bad_rows": 0, "start_date": "2021-01-01", "end_date": "2021-01-31"}`, string(normal))

	_, err = New().ParseArgs(json.RawMessage(`{"rows": -1, "parts": 0, "fail": "x", "panic": "y", "delay": "z", "fail_times": -1, "end_date": "2020-01-01"}`))
	for _, want := range []string{"rows: want 0 or more", "parts: want 1 to 1000", "bad_rows:", "fail: want one of before_start", "panic:", "delay:", "fail_times:", "ends before it starts"} {
		require.ErrorContains(t, err, want)
	}
	broken := importers.Import{Args: json.RawMessage(`{"rows": "x"}`)}
	for name, call := range calls(t.Context(), New(), broken) {
		class, _ := importers.ClassOf(call())
		require.Equal(t, importers.ClassInternal, class, name)
	}
}

func TestForeignPartsAndCursors(t *testing.T) {
	t.Parallel()
	imp := run(t, `{"rows": 10}`)
	part := mustPlan(t, imp).Parts[0]
	for _, c := range []importers.Cursor{"x", "-1", "11", "1.5"} {
		_, err := New().ImportData(t.Context(), imp, part, c)
		class, _ := importers.ClassOf(err)
		require.Equal(t, importers.ClassInternal, class, c)
	}
	part.Args = json.RawMessage(`[]`)
	_, err := New().ImportData(t.Context(), imp, part, "")
	require.ErrorContains(t, err, "part arguments")
}
