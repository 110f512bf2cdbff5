package pages

import (
	"encoding/json"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/server/api"
)

// The form of an import like another one has its arguments as people type them, but no files.
func TestTypedBefore(t *testing.T) {
	t.Parallel()
	importer := api.Importer{Label: "CSV export", Arguments: []api.ImporterArgument{
		{Name: "rows"}, {Name: "fail"}, {Name: "tables"}, {Name: "data"}, {Name: "strict"}, {Name: "wait"}, {Name: "none"},
	}}
	details := importDetails{api.ImportDetails{
		Import: importview.Import{ID: 7, Label: "History", Review: true},
		Args: json.RawMessage(`{"rows": 5, "fail": "plan", "tables": ["a", "b"], "data": {"x": 1}, "strict": true, "wait": null,
			"paths": ["/uploads/x.csv"]}`),
	}}
	fields, err := typedBefore(details, importer)
	require.NoError(t, err)
	require.Equal(t, url.Values{
		"label": {"History"}, "review": {"yes"}, "arg.rows": {"5"}, "arg.fail": {"plan"}, "arg.tables": {"a\nb"},
		"arg.data": {`{"x": 1}`}, "arg.strict": {"true"},
	}, fields)
	details.Label, details.Review, details.Args = importer.Label, false, json.RawMessage(`{}`)
	fields, err = typedBefore(details, importer)
	require.NoError(t, err)
	require.Equal(t, url.Values{"review": {"no"}}, fields, "the label of the importer is the default")
	details.Args = json.RawMessage(`[`)
	_, err = typedBefore(details, importer)
	require.ErrorContains(t, err, "read the arguments of import 7")
}
