package googleanalytics4

// response has the used fields of runReport's response. The generated client's types take four
// times the memory per value, lack dataTruncationReasons and a length limit, and do not distinguish
// a quota of 0 from a missing one.
type response struct {
	DimensionHeaders []header       `json:"dimensionHeaders"`
	MetricHeaders    []header       `json:"metricHeaders"`
	Rows             []row          `json:"rows"`
	Totals           []row          `json:"totals"`
	RowCount         int64          `json:"rowCount"`
	Metadata         metadata       `json:"metadata"`
	PropertyQuota    *propertyQuota `json:"propertyQuota"`
}

type header struct {
	Name string `json:"name"`
}

type row struct {
	DimensionValues dims    `json:"dimensionValues"`
	MetricValues    []value `json:"metricValues"`
}

type value struct {
	Value string `json:"value"`
}

// metadata describes the accuracy of the figures.
type metadata struct {
	TimeZone              string     `json:"timeZone"`
	DataLossFromOtherRow  bool       `json:"dataLossFromOtherRow"`
	SubjectToThresholding bool       `json:"subjectToThresholding"`
	SamplingMetadatas     []sampling `json:"samplingMetadatas"`
	DataTruncationReasons []struct {
		Message string `json:"dataTruncationMessage"`
	} `json:"dataTruncationReasons"`
}

type sampling struct {
	SamplesReadCount  int64 `json:"samplesReadCount,string"`
	SamplingSpaceSize int64 `json:"samplingSpaceSize,string"`
}

// propertyQuota is the remainder of the property's quotas; nil for a missing one.
type propertyQuota struct {
	TokensPerDay                  *quotaStatus `json:"tokensPerDay"`
	TokensPerHour                 *quotaStatus `json:"tokensPerHour"`
	TokensPerProjectPerHour       *quotaStatus `json:"tokensPerProjectPerHour"`
	ServerErrorsPerProjectPerHour *quotaStatus `json:"serverErrorsPerProjectPerHour"`
}

type quotaStatus struct {
	Remaining int64 `json:"remaining"`
}

// matches reports whether the response has the requested columns, in order.
func (r *response) matches(rep *report) bool {
	if len(r.DimensionHeaders) != len(rep.dimensions) || len(r.MetricHeaders) != len(rep.metrics) {
		return false
	}
	for i, h := range r.DimensionHeaders {
		if h.Name != rep.dimensions[i] {
			return false
		}
	}
	for i, h := range r.MetricHeaders {
		if h.Name != rep.metrics[i].name {
			return false
		}
	}
	return true
}
