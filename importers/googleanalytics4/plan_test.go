package googleanalytics4

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/importertest"
	"github.com/sluicehq/sluice/internal/fakega4"
)

func day(tb testing.TB, text string) calendar.Day {
	tb.Helper()
	d, err := calendar.ParseDay(text)
	require.NoError(tb, err)
	return d
}

func TestPlan(t *testing.T) {
	t.Parallel()
	b := setup(t, fakega4.Config{Days: 40}, 0)
	plan := b.plan(t)
	require.Equal(t, "2024-01-22..2024-03-01", plan.Range.String(), "to yesterday")
	require.Len(t, plan.Parts, 9*3)
	require.Equal(t, "imported_visitors 2024-01", plan.Parts[0].Label)
	require.JSONEq(t, `{"report": "imported_visitors", "start": "2024-01-22", "end": "2024-01-31"}`, string(plan.Parts[0].Args))
	require.Equal(t, "imported_operating_systems 2024-03", plan.Parts[26].Label)
	require.JSONEq(t, `{"report": "imported_operating_systems", "start": "2024-03-01", "end": "2024-03-01"}`,
		string(plan.Parts[26].Args))
}

func TestDays(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args, want string
		class      importers.Class
	}{
		"all":            {``, "2024-02-01..2024-03-01", ""},
		"from":           {`, "start_date": "2024-02-10"`, "2024-02-10..2024-03-01", ""},
		"to":             {`, "end_date": "2024-02-10"`, "2024-02-01..2024-02-10", ""},
		"wider than all": {`, "start_date": "2020-01-01", "end_date": "2024-03-02"`, "2024-02-01..2024-03-01", ""},
		"no day of them": {
			`, "start_date": "2020-01-01", "end_date": "2020-01-02"`, "no data found in properties/428685906 from 2020-01-01 to 2020-01-02",
			importers.ClassNoDays,
		},
		"from the future": {`, "start_date": "2024-03-04"`, `"start_date": 2024-03-04 is in the future`, importers.ClassInput},
		"all in the future": {
			`, "start_date": "2030-01-01", "end_date": "2030-02-01"`, `"start_date": 2030-01-01 is in the future`, importers.ClassInput,
		},
		"from today": {`, "start_date": "2024-03-03"`, `"start_date": 2024-03-03 has not ended`, importers.ClassInput},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, fakega4.Config{Days: 30, Undated: 1}, 0)
			b.imp.Args = json.RawMessage(fmt.Sprintf(`{"connection": "ga", "property": "428685906"%s}`, tc.args))
			plan, err := b.Plan(t.Context(), b.imp)
			if tc.class != "" {
				require.ErrorContains(t, err, tc.want)
				require.Equal(t, outcome{class: tc.class}, outcomeOf(err))
				require.Error(t, importertest.BeforeStart(t.Context(), b, b.imp))
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, plan.Range.String())
		})
	}
	b := setup(t, fakega4.Config{}, 0)
	b.imp.Args = json.RawMessage(fmt.Sprintf(`{"connection": "ga", "property": %q}`, fakega4.EmptyProperty))
	_, err := b.Plan(t.Context(), b.imp)
	require.ErrorContains(t, err, "from 2015-08-14 to yesterday: nothing to import")
	b.imp.Args = json.RawMessage(`{"connection": "ga", "property": "1"}`)
	require.Equal(t, outcome{class: importers.ClassAccess}, outcomeOf(importertest.BeforeStart(t.Context(), b, b.imp)))
}

func TestTodayIsNotOver(t *testing.T) {
	t.Parallel()
	b := setup(t, fakega4.Config{Days: 3}, 0)
	b.imp.Args = json.RawMessage(`{"connection": "ga", "property": "428685906", "end_date": "2024-03-01"}`)
	require.NoError(t, importertest.BeforeStart(t.Context(), b, b.imp))
	require.Empty(t, b.lines.Lines())
	b.clock.Set(at(0, 0, 0).Add(-1)) // the last moment of 1 March
	require.NoError(t, importertest.BeforeStart(t.Context(), b, b.imp))
	require.Len(t, b.warned("2024-03-01 has not ended yet in UTC"), 1)
}

func TestCutSpans(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		first, last string
		limit, want int
		labels      [2]string
	}{
		{"2024-02-29", "2024-02-29", 111, 1, [2]string{"2024-02", "2024-02"}},
		{"2023-12-31", "2024-02-01", 111, 3, [2]string{"2023-12", "2024-02"}},
		{"2015-08-14", "2024-10-31", 111, 111, [2]string{"2015-08", "2024-10"}},
		{"2015-08-14", "2024-11-01", 111, 38, [2]string{"2015-Q3", "2024-Q4"}},
		{"2015-08-14", "2024-11-01", 37, 10, [2]string{"2015", "2024"}},
		{"2015-08-14", "2060-01-01", 111, 46, [2]string{"2015", "2060"}},
	} {
		days := calendar.Range{First: day(t, tc.first), Last: day(t, tc.last)}
		spans := cutSpans(days, tc.limit)
		require.Len(t, spans, tc.want)
		require.Equal(t, tc.labels[0], spans[0].label)
		require.Equal(t, tc.labels[1], spans[len(spans)-1].label)
		next := days.First
		for _, s := range spans {
			require.Equal(t, next, s.days.First)
			require.LessOrEqual(t, s.days.First, s.days.Last)
			next = s.days.Last + 1
		}
		require.Equal(t, days.Last+1, next)
	}
}

func TestArgs(t *testing.T) {
	t.Parallel()
	g := New(Config{})
	normal, err := g.ParseArgs(json.RawMessage(`{"property": "42", "connection": "ga", "start_date": "2020-01-01"}`))
	require.NoError(t, err)
	require.JSONEq(t, `{"connection": "ga", "property": "properties/42", "start_date": "2020-01-01"}`, string(normal))
	_, err = g.ParseArgs(json.RawMessage(
		`{"property": "properties/x", "start_date": "2015-01-02", "end_date": "2015-01-01", "parallelism": 11}`))
	for _, want := range []string{`"connection"`, `"property"`, `"start_date"`, `"end_date"`, `want a day not before`, `"parallelism"`} {
		require.ErrorContains(t, err, want)
	}
}

func TestForeignParts(t *testing.T) {
	t.Parallel()
	b := setup(t, fakega4.Config{}, 0)
	part := b.part(t, "imported_pages")
	for _, args := range []string{`[]`, `{"report": "imported_exit_pages"}`, `{"report": "imported_visitors"}`} {
		part.Args = json.RawMessage(args)
		_, err := b.ImportData(t.Context(), b.imp, part, "")
		require.Equal(t, outcome{class: importers.ClassInternal}, outcomeOf(err), args)
	}
	b.imp.Args = nil
	_, err := b.ImportData(t.Context(), b.imp, part, "")
	require.ErrorContains(t, err, "stored arguments")
}
