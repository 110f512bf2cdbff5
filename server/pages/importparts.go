package pages

import (
	"html/template"
	"slices"

	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/server/pages/chart"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// partStatuses are the statuses of parts in the order in which a page shows them: first those that want a person, then
// those that change.
var partStatuses = []string{
	importstore.PartParked, importstore.PartFailed, importstore.PartRunning, importstore.PartWaiting,
	importstore.PartDone, importstore.PartSkipped,
}

// partCount is a number of parts of a status.
type partCount struct {
	Status string
	Parts  int
}

// PartCounts are the numbers of parts by status, without those that are 0.
func (i importDetails) PartCounts() []partCount {
	var all []partCount
	for _, status := range partStatuses {
		if n := i.PartsByStatus[status]; n > 0 {
			all = append(all, partCount{status, n})
		}
	}
	return all
}

// PartShares draws the numbers of parts by status.
func (i importDetails) PartShares() template.HTML {
	spec := chart.Stack{Title: "Parts by status"}
	for _, n := range i.PartCounts() {
		spec.Parts = append(spec.Parts, chart.StackPart{
			Tone: partTones[n.Status], Text: plural(n.Parts, "part", "parts") + " " + words(n.Status), Value: n.Parts,
		})
	}
	return chart.Shares(spec)
}

// MaxTimeline is the number of parts that a timeline has at most.
func (importShown) MaxTimeline() int { return maxTimeline }

// Rows are the parts of the table of the page: all, or of many those that want a person or change.
func (i importShown) Rows() []importview.Part {
	if len(i.Parts) <= maxRows {
		return i.Parts
	}
	sorted := slices.Clone(i.Parts)
	slices.SortStableFunc(sorted, func(a, b importview.Part) int {
		return slices.Index(partStatuses, a.Status) - slices.Index(partStatuses, b.Status)
	})
	return sorted[:maxRows]
}

// partList is the page of the parts of an import.
type partList struct {
	importDetails
	Parts List[importview.Part]
	// Status is the chosen one, "" for all.
	Status string
}

// After returns the cursor of the next page.
func (l partList) After() string { return l.Parts.After() }

func (p *Pages) partsPage(v *visit) (any, error) {
	path := importPath(v)
	details, err := get[importDetails](v, path, nil)
	if err != nil {
		return nil, err
	}
	query := v.passed("status", "after")
	query.Set("limit", "100")
	parts, err := get[List[importview.Part]](v, path+"/parts", query)
	return partList{importDetails: details, Parts: parts, Status: query.Get("status")}, err
}
