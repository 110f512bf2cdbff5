package fakega4

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// recorded has reports that were answered once.
type recorded struct{ reports []*recordedReport }

type recordedReport struct {
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
// were asked for, in that order. Where nothing was recorded there are no rows, as in a
// property that measures nothing of the kind.
func (r *recorded) tabulate(q *query) (*table, *rpcError) {
	t := &table{sums: make([]int64, len(q.metrics))}
	for _, report := range r.reports {
		t.timeZone = report.timeZone
		if !slices.Equal(report.dimensions, q.dimensions) {
			continue
		}
		columns := make([]int, len(q.metrics))
		for i, m := range q.metrics {
			columns[i] = slices.Index(report.metrics, m.name)
		}
		if slices.Contains(columns, -1) {
			continue
		}
		for _, from := range report.rows {
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
		return t, nil
	}
	return t, nil
}
