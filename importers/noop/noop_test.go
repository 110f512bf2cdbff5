package noop

import (
	"encoding/json"
	"testing"

	"github.com/sluicehq/sluice/importers/importertest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	importertest.Run(t, importertest.Config{
		New: func(testing.TB) importertest.Subject {
			return importertest.Subject{
				Importer: New(),
				Args:     json.RawMessage(`{"rows": 100, "parts": 3, "bad_rows": 5, "start_date": "2021-01-01", "end_date": "2021-01-09"}`),
			}
		},
		BadArgs: []json.RawMessage{
			json.RawMessage(`{"rows": -1}`), json.RawMessage(`{"rows": 1.5}`), json.RawMessage(`{"Rows": 1}`),
			json.RawMessage(`{"rows": 1, "rows": 2}`), json.RawMessage(`{"parts": -1}`), json.RawMessage(`{"parts": 1001}`),
			json.RawMessage(`{"bad_rows": 1}`), json.RawMessage(`{"fail": "everywhere"}`), json.RawMessage(`{"panic": "anywhere"}`),
			json.RawMessage(`{"delay": "soon"}`), json.RawMessage(`{"delay": "-1s"}`), json.RawMessage(`{"fail_times": -1}`),
			json.RawMessage(`{"start_date": "2021-02-30"}`), json.RawMessage(`{"start_date": "2022-01-01"}`), json.RawMessage(`{} {}`),
		},
		Secrets: []string{"s3cr3t-of-noop"},
	})
}
