package fakega4

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	analyticsdata "google.golang.org/api/analyticsdata/v1beta"
)

// currency is that of all properties.
const currency = "USD"

// Limits of requests.
const (
	maxBatch        = 5
	maxRequestBytes = 1 << 20
)

// Metadata is what a report says of itself.
type Metadata struct {
	CurrencyCode          string             `json:"currencyCode,omitempty"`
	TimeZone              string             `json:"timeZone,omitempty"`
	DataLossFromOtherRow  bool               `json:"dataLossFromOtherRow,omitempty"`
	SubjectToThresholding bool               `json:"subjectToThresholding,omitempty"`
	SamplingMetadatas     []SamplingMetadata `json:"samplingMetadatas,omitempty"`
	DataTruncationReasons []DataTruncation   `json:"dataTruncationReasons,omitempty"`
}

// SamplingMetadata says which share of the events a report was estimated from.
type SamplingMetadata struct {
	SamplesReadCount  int64 `json:"samplesReadCount,string"`
	SamplingSpaceSize int64 `json:"samplingSpaceSize,string"`
}

// DataTruncation says why a report is not complete.
type DataTruncation struct {
	DataTruncationType    string `json:"dataTruncationType"`
	DataTruncationMessage string `json:"dataTruncationMessage"`
}

// answer is a RunReportResponse.
type answer struct {
	DimensionHeaders []header               `json:"dimensionHeaders,omitempty"`
	MetricHeaders    []metricHeader         `json:"metricHeaders,omitempty"`
	Rows             []answerRow            `json:"rows,omitempty"`
	Totals           []answerRow            `json:"totals,omitempty"`
	RowCount         int                    `json:"rowCount,omitempty"`
	Metadata         Metadata               `json:"metadata"`
	PropertyQuota    map[string]quotaStatus `json:"propertyQuota,omitempty"`
	Kind             string                 `json:"kind"`
}

type header struct {
	Name string `json:"name"`
}

type metricHeader struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

type answerRow struct {
	DimensionValues []value `json:"dimensionValues,omitempty"`
	MetricValues    []value `json:"metricValues"`
}

type value struct {
	Value string `json:"value"`
}

// reports is runReport and batchRunReports, whose names stand behind a colon.
func (s *Server) reports(w http.ResponseWriter, r *http.Request) {
	property, method, _ := strings.Cut(r.PathValue("call"), ":")
	if method != "runReport" && method != "batchRunReports" {
		writeError(w, fail(http.StatusNotFound, "Method not found."))
		return
	}
	s.faulty(method, s.authorized(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := propertyNames[property]; !ok {
			writeError(w, fail(http.StatusForbidden, "User does not have sufficient permissions for this property. To learn "+
				"more about Property ID, see https://developers.google.com/analytics/devguides/reporting/data/v1/property-id."))
			return
		}
		if method == "runReport" {
			var req analyticsdata.RunReportRequest
			s.answer(w, r, property, &req, func() (any, *rpcError) { return s.run(property, &req) })
			return
		}
		var batch analyticsdata.BatchRunReportsRequest
		s.answer(w, r, property, &batch, func() (any, *rpcError) { return s.batch(property, &batch) })
	}))(&statusWriter{ResponseWriter: w, left: func(code int) { s.noteStatus(property, code) }}, r)
}

// answer reads a request, and works on it if the property's quotas allow.
func (s *Server) answer(
	w http.ResponseWriter, r *http.Request, property string, into any, work func() (any, *rpcError),
) {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequestBytes))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		writeError(w, fail(http.StatusBadRequest, "Invalid JSON payload received. %s", err))
		return
	}
	if refused := s.quotas.enter(property); refused != nil {
		writeError(w, refused)
		return
	}
	defer s.quotas.leave(property)
	got, fault := work()
	if fault != nil {
		writeError(w, fault)
		return
	}
	writeJSON(w, http.StatusOK, got)
}

func (s *Server) batch(property string, batch *analyticsdata.BatchRunReportsRequest) (any, *rpcError) {
	if len(batch.Requests) > maxBatch {
		return nil, fail(http.StatusBadRequest, "Batch requests are limited to %d requests.", maxBatch)
	}
	reports := make([]*answer, len(batch.Requests))
	for i, req := range batch.Requests {
		got, fault := s.run(property, req)
		if fault != nil {
			return nil, fault
		}
		reports[i] = got
	}
	return map[string]any{"reports": reports, "kind": "analyticsData#batchRunReports"}, nil
}

// run makes a report.
func (s *Server) run(property string, req *analyticsdata.RunReportRequest) (*answer, *rpcError) {
	q, fault := s.parse(req)
	if fault != nil {
		return nil, fault
	}
	t := &table{}
	if property == DefaultProperty {
		if t, fault = s.source.tabulate(q); fault != nil {
			return nil, fault
		}
	}
	rows := t.ordered(q)
	a := &answer{RowCount: len(rows), Metadata: s.cfg.Metadata, Kind: "analyticsData#runReport"}
	a.Metadata.CurrencyCode = currency
	a.Metadata.TimeZone = s.cfg.TimeZone
	if t.timeZone != "" {
		a.Metadata.TimeZone = t.timeZone
	}
	for _, d := range q.dimensions {
		a.DimensionHeaders = append(a.DimensionHeaders, header{d})
	}
	for _, m := range q.metrics {
		a.MetricHeaders = append(a.MetricHeaders, metricHeader{m.name, m.kind()})
	}
	for _, row := range rows[min(q.offset, len(rows)):min(q.offset+q.limit, len(rows))] {
		a.Rows = append(a.Rows, row.answer())
	}
	if q.totals && len(rows) > 0 {
		a.Totals = []answerRow{t.total(q, s.cfg.TotalsOff)}
	}
	quotas := s.quotas.charge(property, q.price(len(a.Rows)))
	if req.ReturnPropertyQuota {
		a.PropertyQuota = quotas
	}
	return a, nil
}

// statusWriter tells the status that was written.
type statusWriter struct {
	http.ResponseWriter
	left func(code int)
}

// WriteHeader writes a status.
func (w *statusWriter) WriteHeader(code int) {
	w.left(code)
	w.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
