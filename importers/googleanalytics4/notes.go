package googleanalytics4

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/importers"
)

// notes collects the warnings of a part, which are reported once at its end.
type notes struct {
	pos *position
	// regions counts some of the names without a code.
	regions map[string]int
	// metadata and totals are those of the last response; they describe the whole report.
	metadata metadata
	totals   []row
}

// maxNames is the number of examples in a warning.
const maxNames = 5

// maxNamesKept bounds the memory of the names.
const maxNamesKept = 1000

func (n *notes) unmappedRegion(country, name string) {
	n.pos.unmapped++
	if n.regions == nil {
		n.regions = map[string]int{}
	}
	key := fmt.Sprintf("%s in %s", oneLine(name), country)
	if _, known := n.regions[key]; known || len(n.regions) < maxNamesKept {
		n.regions[key]++
	}
}

// warnings returns the warnings. Equal messages of several parts are one line in the import's log.
func (n *notes) warnings(r *report) []importers.PartWarning {
	var all []importers.PartWarning
	add := func(format string, args ...any) {
		all = append(all, importers.PartWarning{Message: fmt.Sprintf(format, args...)})
	}
	p := n.pos
	if p.changed != 0 {
		add("the report's number of rows changed during reading, to %d: Google was still correcting these days; "+
			"import them again later", p.rowCount)
	}
	for _, text := range n.totalWarnings(r) {
		add("%s", text)
	}
	for _, s := range n.metadata.SamplingMetadatas {
		all = append(all, importers.PartWarning{
			Message: "the figures are estimated by Google from a sample",
			Detail:  fmt.Sprintf("of %d of %d events", s.SamplesReadCount, s.SamplingSpaceSize),
		})
	}
	if n.metadata.SubjectToThresholding {
		add("Google may have withheld rows about small groups of users (data thresholds of the property)")
	}
	for _, t := range n.metadata.DataTruncationReasons {
		add("the report is incomplete: %s", oneLine(t.Message))
	}
	if n.metadata.DataLossFromOtherRow || p.folded > 0 {
		all = append(all, importers.PartWarning{
			Message: "Google has folded surplus values into \"(other)\", which is kept as a name", Rows: p.folded,
		})
	}
	if p.undated > 0 {
		all = append(all, importers.PartWarning{
			Message: "Google has folded surplus days into \"(other)\", and their rows are rejected", Rows: p.undated,
		})
	}
	if p.unmapped > 0 {
		all = append(all, importers.PartWarning{
			Message: "regions without an ISO 3166-2 code are left empty", Rows: p.unmapped, Detail: n.examples(),
		})
	}
	return all
}

// examples lists the most frequent regions.
func (n *notes) examples() string {
	names := slices.SortedFunc(maps.Keys(n.regions), func(a, b string) int {
		return cmp.Or(n.regions[b]-n.regions[a], strings.Compare(a, b))
	})
	if len(names) == 0 {
		return "" // they were counted before an interruption
	}
	more := ""
	if len(names) > maxNames {
		more, names = fmt.Sprintf(" and %d more names", len(names)-maxNames), names[:maxNames]
	}
	return strings.Join(names, ", ") + more
}

// nearShare is the tolerated relative difference between a sum of estimates and the estimate of the
// total: Google states errors of about 1 % for sessions.
const nearShare = 0.02

// totalWarnings compares sums with Google's totals.
func (n *notes) totalWarnings(r *report) []string {
	if len(n.totals) == 0 {
		return nil
	}
	var all []string
	sum := 0
	for i, m := range r.metrics {
		if m.total == totalNone {
			continue
		}
		got := n.pos.sums[sum]
		sum++
		if i >= len(n.totals[0].MetricValues) {
			continue
		}
		want, ok := parseCount(n.totals[0].MetricValues[i].Value)
		if !ok || got == want {
			continue
		}
		off := math.Abs(float64(got) - float64(want))
		if m.total == totalNear && off <= math.Max(1, nearShare*float64(want)) {
			continue
		}
		all = append(all, fmt.Sprintf("the sum of %s of all rows is %d, Google's total is %d", m.name, got, want))
	}
	return all
}
