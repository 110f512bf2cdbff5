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

// notes collect what the user should know of a part, to be told once at its end.
type notes struct {
	pos *position
	// regions are some of the names that led to no code.
	regions map[string]int
	// metadata and totals are those of the last answer; they are of the whole report.
	metadata metadata
	totals   []row
}

// maxNames is how many names a note gives as examples.
const maxNames = 5

// maxNamesKept bounds the memory that names take.
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

// warnings words the notes. What several parts may say in the same words is one line in the
// import's log.
func (n *notes) warnings(r *report) []importers.PartWarning {
	var all []importers.PartWarning
	add := func(format string, args ...any) {
		all = append(all, importers.PartWarning{Message: fmt.Sprintf(format, args...)})
	}
	p := n.pos
	if p.changed != 0 {
		add("the report's number of rows changed while it was read, to %d: Google was still correcting these days; "+
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
		add("Google may have withheld rows about few people (data thresholds of the property)")
	}
	for _, t := range n.metadata.DataTruncationReasons {
		add("the report is incomplete: %s", oneLine(t.Message))
	}
	if n.metadata.DataLossFromOtherRow || p.folded > 0 {
		all = append(all, importers.PartWarning{
			Message: "Google has folded values that were too many into \"(other)\", which is kept as a name", Rows: p.folded,
		})
	}
	if p.undated > 0 {
		all = append(all, importers.PartWarning{
			Message: "Google has folded days that were too many into \"(other)\", rejected and not loaded", Rows: p.undated,
		})
	}
	if p.unmapped > 0 {
		all = append(all, importers.PartWarning{
			Message: "regions whose name leads to no ISO 3166-2 code are left empty", Rows: p.unmapped, Detail: n.examples(),
		})
	}
	return all
}

// examples names the regions that are met most.
func (n *notes) examples() string {
	names := slices.SortedFunc(maps.Keys(n.regions), func(a, b string) int {
		return cmp.Or(n.regions[b]-n.regions[a], strings.Compare(a, b))
	})
	if len(names) == 0 {
		return "" // they were met before the import was interrupted
	}
	more := ""
	if len(names) > maxNames {
		more, names = fmt.Sprintf(" and %d more names", len(names)-maxNames), names[:maxNames]
	}
	return strings.Join(names, ", ") + more
}

// nearShare is how far a sum of estimates may be from the estimate of the whole: Google
// states errors of about 1 % for sessions.
const nearShare = 0.02

// totalWarnings compares sums with the totals that Google gives.
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
		all = append(all, fmt.Sprintf("the rows' %s add up to %d, Google's total is %d", m.name, got, want))
	}
	return all
}
