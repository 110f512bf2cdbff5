package googleanalytics4

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/importertest"
	"github.com/sluicehq/sluice/internal/fakega4"
	"github.com/sluicehq/sluice/internal/fakega4/fakega4test"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	importertest.Run(t, importertest.Config{
		New: func(tb testing.TB) importertest.Subject {
			tb.Helper()
			b := setup(tb, fakega4.Config{
				Days: 9, RowsPerDay: 3, Undated: 1, Folded: 1, TimeZone: "Europe/Berlin",
				// The suite reads every part from every cursor.
				Quotas: fakega4.Quotas{TokensPerHour: 1e9, TokensPerProjectPerHour: 1e9, TokensPerDay: 1e9},
			}, 10)
			return importertest.Subject{Importer: b.Importer, Args: b.imp.Args, Connections: b.imp.Connections}
		},
		BadArgs: []json.RawMessage{
			json.RawMessage(`{"property": "properties/1"}`), json.RawMessage(`{"connection": "ga"}`),
			json.RawMessage(`{"connection": "ga", "property": "accounts/1"}`),
			json.RawMessage(`{"connection": "ga", "property": 1}`),
			json.RawMessage(`{"connection": "ga", "property": "1", "start_date": "2015-08-13"}`),
			json.RawMessage(`{"connection": "ga", "property": "1", "start_date": "2024-02-30"}`),
			json.RawMessage(`{"connection": "ga", "property": "1", "start_date": "2024-02-02", "end_date": "2024-02-01"}`),
			json.RawMessage(`{"connection": "ga", "property": "1", "parallelism": 11}`),
			json.RawMessage(`{"connection": "ga", "property": "1", "parallelism": -1}`),
		},
		Secrets: []string{fakega4.ClientSecret, fakega4.RefreshToken, "ya29."},
		Site:    importers.Site{ID: 1, Domain: "example.com", TimeZone: "Europe/Berlin"},
	})
}

// The same credentials, in the other way.
func TestServiceAccount(t *testing.T) {
	t.Parallel()
	b := setup(t, fakega4.Config{Days: 2}, 0)
	b.imp.Connections = fakega4test.Opener{b.fake.ServiceAccount(t, "ga")}
	rows, _ := b.read(t, b.part(t, "imported_visitors"), "")
	require.Len(t, rows, 1, "of February's only day")
	require.Equal(t, 1, b.fake.Requests("token"), "one token serves all requests")
}
