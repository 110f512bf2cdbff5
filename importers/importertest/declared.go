package importertest

import (
	"bytes"
	"encoding/json"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/warehouse/schema"
)

var templateName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// checkNames: the importer can be registered and displayed.
func checkNames(tb testing.TB, cfg Config) {
	tb.Helper()
	imp := cfg.New(tb).Importer
	require.NotPanics(tb, func() { importers.NewRegistry(imp) }, "Name %q is invalid in the registry", imp.Name())
	require.NotEmpty(tb, imp.Label(), "Label")
	require.Regexp(tb, templateName, imp.EmailTemplate(), "EmailTemplate")
}

// unknownArg is a name that no importer has, with a value that no error may repeat.
const (
	unknownArg   = "importertest_unknown"
	unknownValue = "importertest-planted-value"
)

// checkArgs: ParseArgs rejects unknown arguments, and its normal form is stable.
func checkArgs(tb testing.TB, cfg Config) {
	tb.Helper()
	s := cfg.New(tb)
	given := bytes.Clone(s.Args)
	normal, err := s.Importer.ParseArgs(s.Args)
	require.NoError(tb, err)
	require.Equal(tb, string(given), string(s.Args), "ParseArgs changed its input")
	require.True(tb, json.Valid(normal), "the normal form is not JSON")
	again, err := s.Importer.ParseArgs(normal)
	require.NoError(tb, err, "the normal form is rejected")
	require.JSONEq(tb, string(normal), string(again), "the normal form is not stable")

	_, err = s.Importer.ParseArgs(withArg(tb, s.Args, unknownArg, unknownValue))
	require.ErrorContains(tb, err, unknownArg, "an unknown argument must be rejected by name")
	require.NotContains(tb, err.Error(), unknownValue, "an argument's value is repeated in an error")
	for _, bad := range append([]json.RawMessage{[]byte(`[]`), []byte(`{`), []byte(`"args"`)}, cfg.BadArgs...) {
		_, err := s.Importer.ParseArgs(bad)
		require.Error(tb, err, "accepted: %s", bad)
		require.NotEmpty(tb, err.Error())
	}
}

// withArg returns the arguments with an additional one.
func withArg(tb testing.TB, args json.RawMessage, name, value string) json.RawMessage {
	tb.Helper()
	all := map[string]any{}
	if len(args) > 0 {
		require.NoError(tb, json.Unmarshal(args, &all))
	}
	all[name] = value
	raw, err := json.Marshal(all)
	require.NoError(tb, err)
	return raw
}

// checkPlan: the plan is within its limits and deterministic.
func checkPlan(tb testing.TB, cfg Config) {
	tb.Helper()
	b := setup(tb, cfg)
	again, err := b.Plan(tb.Context(), b.imp)
	require.NoError(tb, err)
	require.Equal(tb, b.plan, again.WithDays(), "planning twice returns different plans")
	require.NoError(tb, b.plan.Range.Validate())
	require.LessOrEqual(tb, len(b.plan.Parts), importers.MaxParts, "parts")
	for i, part := range b.plan.Parts {
		require.Equal(tb, i, part.No, "No is not the position")
		require.NotNil(tb, part.Table, "part %d has no table", i)
		known, err := schema.Lookup(part.Table.Name)
		require.NoError(tb, err)
		require.Same(tb, known, part.Table)
		require.NotEmpty(tb, part.Label, "part %d has no label", i)
		require.LessOrEqual(tb, len(part.Label), importers.MaxLabel, "label of part %d", i)
		require.LessOrEqual(tb, len(part.Args), importers.MaxPartArgs, "arguments of part %d", i)
		require.True(tb, len(part.Args) == 0 || json.Valid(part.Args), "arguments of part %d are not JSON", i)
		require.GreaterOrEqual(tb, part.Bytes, int64(0))
		require.Equal(tb, calendar.NewSet(part.Days...), part.Days,
			"the days of part %d are not a set: create one with calendar.NewSet", i)
		require.Empty(tb, part.Days.Minus(calendar.NewSet(b.plan.Range)), "part %d has days outside the plan", i)
	}
}

// stored returns a part as a jsonb column returns it: with keys in another order and other white
// space.
func stored(tb testing.TB, part importers.Part) importers.Part {
	tb.Helper()
	if len(part.Args) == 0 {
		return part
	}
	dec := json.NewDecoder(bytes.NewReader(part.Args))
	dec.UseNumber()
	var meaning any
	require.NoError(tb, dec.Decode(&meaning))
	raw, err := json.MarshalIndent(meaning, "", "  ")
	require.NoError(tb, err)
	part.Args = raw
	return part
}
