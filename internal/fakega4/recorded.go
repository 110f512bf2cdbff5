package fakega4

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// recorded has reports that were answered once.
type recorded struct{ reports []*recordedReport }

type recordedReport struct {
	// name is that of its file.
	name                string
	dimensions, metrics []string
	rows                []*tableRow
	timeZone            string
}

// readRecorded reads the folder's *.json files, one report each. Files that are no answers
// to requests for reports by date are passed over, and so are those without any rows.
func readRecorded(dir string) (*recorded, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("list recorded answers: %w", err)
	}
	slices.Sort(names)
	r := &recorded{}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read recorded answer: %w", err)
		}
		var batch struct {
			Reports []answer `json:"reports"`
			answer
		}
		if err := json.Unmarshal(raw, &batch); err != nil {
			return nil, fmt.Errorf("recorded answer %s: %w", name, err)
		}
		for _, a := range append(batch.Reports, batch.answer) {
			if len(a.Rows) == 0 || len(a.DimensionHeaders) == 0 || a.DimensionHeaders[0].Name != "date" {
				continue
			}
			report, err := newRecordedReport(a)
			if err != nil {
				return nil, fmt.Errorf("recorded answer %s: %w", name, err)
			}
			report.name = filepath.Base(name)
			// A request for one row only, such as the first day, is no report.
			if a.RowCount == len(a.Rows) {
				r.reports = append(r.reports, report)
			}
		}
	}
	if len(r.reports) == 0 {
		return nil, fmt.Errorf("no recorded reports by date in %s: want files *.json with whole answers", dir)
	}
	return r, nil
}

func newRecordedReport(a answer) (*recordedReport, error) {
	r := &recordedReport{timeZone: a.Metadata.TimeZone}
	for _, h := range a.DimensionHeaders {
		r.dimensions = append(r.dimensions, h.Name)
	}
	for _, h := range a.MetricHeaders {
		r.metrics = append(r.metrics, h.Name)
	}
	for i, from := range a.Rows {
		if len(from.DimensionValues) != len(r.dimensions) || len(from.MetricValues) != len(r.metrics) {
			return nil, fmt.Errorf("row %d has another number of values than the headers", i+1)
		}
		row := &tableRow{}
		for _, v := range from.DimensionValues {
			row.dimensions = append(row.dimensions, v.Value)
		}
		for _, v := range from.MetricValues {
			n, err := strconv.ParseFloat(v.Value, 64)
			if err != nil {
				return nil, fmt.Errorf("row %d: %w", i+1, err)
			}
			row.metrics, row.raw = append(row.metrics, int64(math.Round(n))), append(row.raw, v.Value)
		}
		r.rows = append(r.rows, row)
	}
	return r, nil
}

// tabulate returns the recorded report with the same dimensions and with the metrics that
// were requested, in that order. A recorded report about the same thing that does not have
// what was requested is refused: the importer under test has changed its request.
// Where nothing was recorded of the kind there are no rows, as in a property that measures
// nothing of it.
func (r *recorded) tabulate(q *query) (*table, *rpcError) {
	t := &table{sums: make([]int64, len(q.metrics))}
	var near []string
	for _, report := range r.reports {
		t.timeZone = report.timeZone
		difference, related := report.compare(q)
		if difference == "" {
			report.fill(t, q)
			return t, nil
		}
		if related {
			near = append(near, "recorded answer "+report.name+" "+difference)
		}
	}
	if len(near) > 0 {
		return nil, fail(http.StatusBadRequest, "No recorded answer matches the request: %s.", strings.Join(near, "; "))
	}
	return t, nil
}

// compare returns the differences between the report and the request, and whether both are
// about the same thing: they share a dimension beside the date.
func (r *recordedReport) compare(q *query) (difference string, related bool) {
	var lacks []string
	for _, m := range q.metrics {
		if !slices.Contains(r.metrics, m.name) {
			lacks = append(lacks, m.name)
		}
	}
	switch {
	case !slices.Equal(r.dimensions, q.dimensions):
		for _, d := range q.dimensions {
			related = related || d != "date" && slices.Contains(r.dimensions, d)
		}
		return fmt.Sprintf("has the dimensions %s, want %s", list(r.dimensions), list(q.dimensions)), related
	case len(lacks) > 0:
		return fmt.Sprintf("has the metrics %s, and lacks %s", list(r.metrics), list(lacks)), true
	}
	return "", true
}

func list(names []string) string {
	if len(names) == 0 {
		return "(none)"
	}
	return strings.Join(names, ", ")
}

// fill adds the report's rows of the requested days.
func (r *recordedReport) fill(t *table, q *query) {
	columns := make([]int, len(q.metrics))
	for i, m := range q.metrics {
		columns[i] = slices.Index(r.metrics, m.name)
	}
	for _, from := range r.rows {
		if from.dimensions[0] < q.start || from.dimensions[0] > q.end {
			continue
		}
		row := &tableRow{dimensions: from.dimensions}
		for i, c := range columns {
			row.metrics, row.raw = append(row.metrics, from.metrics[c]), append(row.raw, from.raw[c])
			t.sums[i] += from.metrics[c]
		}
		t.rows = append(t.rows, row)
	}
}
