package googleanalytics4

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	analyticsdata "google.golang.org/api/analyticsdata/v1beta"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/fakega4"
	"github.com/sluicehq/sluice/internal/outbound"
)

// confirmed reads the part of visitors from a cursor to its end, and returns the days that it
// confirms and the last cursor.
func (b *bench) confirmed(t *testing.T, part importers.Part, from importers.Cursor) (calendar.Set, importers.Cursor) {
	t.Helper()
	r, err := b.ImportData(t.Context(), b.imp, part, from)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	chunk, last := importers.NewChunk(part.Table), from
	for err == nil {
		if err = r.Next(t.Context(), chunk); err == nil {
			last = chunk.Next
		}
	}
	require.ErrorIs(t, err, io.EOF)
	confirmer, ok := r.(importers.Confirmer)
	require.True(t, ok)
	return confirmer.Confirmed(), last
}

// A complete answer confirms all days of its part, also those without rows; one that Google
// has cut off confirms none, also to a reader that is opened behind it.
func TestConfirmedDays(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		rows, total int
		truncated   bool
	}{
		"rows": {5, 5, false}, "no rows": {0, 0, false}, "cut off": {5, 5, true}, "cut off, no rows": {0, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, fakega4.Config{Days: 20}, 0)
			part := b.part(t, "imported_visitors")
			answering(b, func(r *analyticsdata.RunReportRequest) string {
				answer := days(r.Offset, max(0, tc.rows-int(r.Offset)), tc.total)
				if tc.truncated {
					answer = strings.Replace(answer, `{`, `{"metadata": {"dataTruncationReasons": [{"dataTruncationMessage": "cut"}]},`, 1)
				}
				return answer
			})
			got, last := b.confirmed(t, part, "")
			if tc.truncated {
				require.Empty(t, got)
			} else {
				require.Equal(t, part.Days, got)
				require.NotEmpty(t, got)
			}
			if last != "" {
				again, _ := b.confirmed(t, part, last)
				require.Equal(t, got, again)
			}
		})
	}
}

// A response that proves nothing about days ends nothing: the request is retried.
func TestDaysAreProven(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer, want string
	}{
		"rows announced, none sent": {
			`{"dimensionHeaders": [{"name": "date"}], "metricHeaders": [], "rowCount": 64}`,
			"find the days of properties/428685906: google announces 64 rows and sends none",
		},
		"no answer of the API": {`{}`, "find the days of properties/428685906: google's response has no date column"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, fakega4.Config{Days: 20}, 0)
			base, cfg := newTransport(outbound.Loopback()), b.cfg
			cfg.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				if !strings.HasSuffix(r.URL.Path, ":runReport") {
					return base.RoundTrip(r)
				}
				return &http.Response{
					StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader([]byte(tc.answer))),
				}, nil
			})
			b.Importer = New(cfg)
			_, err := b.Plan(t.Context(), b.imp)
			require.EqualError(t, err, tc.want)
			_, permanent := importers.ClassOf(err)
			require.False(t, permanent)
			_, err = b.BeforeStart(t.Context(), b.imp)
			require.EqualError(t, err, tc.want)
		})
	}
}

// A first day in the future is a mistake in the arguments, and not a property without data.
func TestFutureStart(t *testing.T) {
	t.Parallel()
	b := setup(t, fakega4.Config{Days: 20}, 0)
	b.imp.Args = json.RawMessage(`{"connection": "ga", "property": "428685906", "start_date": "2024-03-04"}`)
	_, err := b.BeforeStart(t.Context(), b.imp)
	require.EqualError(t, err, `argument "start_date": 2024-03-04 is in the future: want a day up to today, 2024-03-03`)
	require.Equal(t, outcome{class: importers.ClassInput}, outcomeOf(err))
	require.Zero(t, b.fake.Requests("runReport"))
}
