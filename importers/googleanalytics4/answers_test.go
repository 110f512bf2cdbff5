package googleanalytics4

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	analyticsdata "google.golang.org/api/analyticsdata/v1beta"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/importertest"
	"github.com/sluicehq/sluice/internal/fakega4"
	"github.com/sluicehq/sluice/internal/outbound"
)

// answering lets a function answer requests for pages of reports; the fake answers the
// others, those for tokens and days.
func answering(b *bench, answer func(req *analyticsdata.RunReportRequest) string) {
	cfg := b.cfg
	base := newTransport(outbound.Loopback())
	cfg.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		if !strings.HasSuffix(r.URL.Path, ":runReport") {
			return base.RoundTrip(r)
		}
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		var req analyticsdata.RunReportRequest
		if err := json.Unmarshal(raw, &req); err != nil {
			return nil, err
		}
		if len(req.MetricAggregations) == 0 {
			r.Body = io.NopCloser(bytes.NewReader(raw))
			return base.RoundTrip(r)
		}
		return &http.Response{
			StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer(&req))),
		}, nil
	})
	b.Importer = New(cfg)
}

// days writes an answer of rows of imported_visitors, of which the report has total.
func days(offset int64, rows, total int) string {
	var b strings.Builder
	b.WriteString(`{"dimensionHeaders": [{"name": "date"}], "metricHeaders": [{"name": "screenPageViews"}, ` +
		`{"name": "totalUsers"}, {"name": "sessions"}, {"name": "bounces"}, {"name": "userEngagementDuration"}], "rows": [`)
	for i := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"dimensionValues": [{"value": "202402%02d"}], "metricValues": [{"value": "5"}, {"value": "4"}, `+
			`{"value": "3"}, {"value": "2"}, {"value": "1"}]}`, offset+int64(i)+1)
	}
	fmt.Fprintf(&b, `], "rowCount": %d}`, total)
	return b.String()
}

// Google's answers need not make sense. An answer that holds fewer rows than it announces is
// a transient error: it proves nothing, and the request is retried. Nothing is read twice.
func TestOddAnswers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer func(req *analyticsdata.RunReportRequest) string
		rows   int
		warned string
		fails  string
	}{
		"as announced": {func(r *analyticsdata.RunReportRequest) string { return days(r.Offset, 10, 20) }, 20, "", ""},
		"pages of another size": {func(r *analyticsdata.RunReportRequest) string {
			return days(r.Offset, min(3, 20-int(r.Offset)), 20)
		}, 20, "", ""},
		"rows missing at the end": {func(r *analyticsdata.RunReportRequest) string {
			if r.Offset > 0 {
				return days(r.Offset, 0, 20)
			}
			return days(0, 10, 20)
		}, 0, "", "google announces 20 rows and sends none from row 11 on"},
		"rows announced, none sent": {
			func(r *analyticsdata.RunReportRequest) string { return days(r.Offset, 0, 64) }, 0, "",
			"google announces 64 rows and sends none from row 1 on",
		},
		"all denied at the end": {func(r *analyticsdata.RunReportRequest) string {
			if r.Offset > 0 {
				return days(r.Offset, 0, 0)
			}
			return days(0, 10, 20)
		}, 0, "", "google announces no rows, after it has sent 10"},
		"more rows than announced": {
			func(r *analyticsdata.RunReportRequest) string { return days(r.Offset, 10, 4) }, 10,
			"number of rows changed during reading, to 10", "",
		},
		"fewer rows by and by": {func(r *analyticsdata.RunReportRequest) string {
			if r.Offset > 0 {
				return days(r.Offset, 2, 12)
			}
			return days(0, 10, 20)
		}, 12, "number of rows changed during reading, to 12", ""},
		"none left": {func(r *analyticsdata.RunReportRequest) string {
			if r.Offset > 0 {
				return days(r.Offset, 0, 8)
			}
			return days(0, 10, 20)
		}, 10, "number of rows changed during reading, to 10", ""},
		"no rows": {func(r *analyticsdata.RunReportRequest) string { return days(r.Offset, 0, 0) }, 0, "", ""},
		"other columns": {func(r *analyticsdata.RunReportRequest) string {
			return strings.ReplaceAll(days(r.Offset, 1, 1), "totalUsers", "activeUsers")
		}, 0, "", "does not have the requested columns"},
		"fewer columns": {
			func(*analyticsdata.RunReportRequest) string { return `{"rowCount": 1, "rows": [{}]}` }, 0, "",
			"does not have the requested columns",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, fakega4.Config{Days: 30}, 10)
			b.imp.Chunk.Rows = 5
			answering(b, tc.answer)
			copies, err := importertest.ReadPart(t.Context(), b.Importer, b.imp, b.part(t, "imported_visitors"), "")
			if tc.fails != "" {
				require.ErrorContains(t, err, tc.fails)
				want := outcome{class: importers.ClassInternal}
				if strings.Contains(tc.fails, "announces") {
					want = outcome{}
				}
				require.Equal(t, want, outcomeOf(err))
				return
			}
			require.NoError(t, err)
			var rows []string
			for _, c := range copies {
				rows = append(rows, c.Rows...)
			}
			require.Len(t, rows, tc.rows)
			for i, row := range rows {
				require.Equal(t, fmt.Sprint(19754+i), column([]string{row}, 0)[0])
			}
			if tc.warned == "" {
				require.Empty(t, b.lines.Lines())
				return
			}
			require.Len(t, b.warned(tc.warned), 1)
		})
	}
}

// endless is a body without an end.
type endless struct{ prefix io.Reader }

func (e endless) Read(p []byte) (int, error) {
	if n, err := e.prefix.Read(p); !errors.Is(err, io.EOF) {
		return n, err
	}
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// An answer that does not end is not read to its end.
func TestEndlessAnswers(t *testing.T) {
	t.Parallel()
	b := setup(t, fakega4.Config{}, 0)
	base := newTransport(outbound.Loopback())
	for status, says := range map[int]string{
		http.StatusOK: "larger than 1048576 bytes", http.StatusBadGateway: "502 Bad Gateway",
	} {
		b.Importer = New(Config{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if !strings.HasSuffix(r.URL.Path, ":runReport") {
				return base.RoundTrip(r)
			}
			return &http.Response{
				StatusCode: status, Header: http.Header{}, Body: io.NopCloser(endless{strings.NewReader(" ")}),
			}, nil
		})})
		b.maxAnswer = 1 << 20
		require.ErrorContains(t, importertest.BeforeStart(t.Context(), b, b.imp), says)
	}
}

// BenchmarkReader is the importer without the fake: a page of 50,000 rows of
// imported_pages from an answer in memory.
func BenchmarkReader(b *testing.B) {
	bench := setup(b, fakega4.Config{Days: 30}, 0)
	part := bench.part(b, "imported_pages")
	bench.imp.Chunk.Rows = 131_072
	var text strings.Builder
	text.WriteString(`{"dimensionHeaders": [{"name": "date"}, {"name": "hostName"}, {"name": "pagePath"}], "metricHeaders": ` +
		`[{"name": "totalUsers"}, {"name": "screenPageViews"}, {"name": "sessions"}, {"name": "userEngagementDuration"}], "rows": [`)
	for i := range DefaultPageRows {
		if i > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, `{"dimensionValues":[{"value":"202402%02d"},{"value":"www.example.com"},{"value":"/blog/post-%d"}],`+
			`"metricValues":[{"value":"12"},{"value":"34"},{"value":"13"},{"value":"567"}]}`, i%28+1, i)
	}
	fmt.Fprintf(&text, `], "rowCount": %d}`, DefaultPageRows)
	answering(bench, func(*analyticsdata.RunReportRequest) string { return text.String() })
	b.ReportAllocs()
	chunk := newChunk(part)
	for b.Loop() {
		reader, err := bench.ImportData(b.Context(), bench.imp, part, "")
		require.NoError(b, err)
		require.NoError(b, reader.Next(b.Context(), chunk))
		require.Equal(b, DefaultPageRows, chunk.Rows.Rows())
		require.NoError(b, reader.Close())
	}
	b.ReportMetric(float64(b.N)*DefaultPageRows/b.Elapsed().Seconds(), "rows/s")
}
