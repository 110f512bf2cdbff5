package googleanalytics4

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
)

// partArgs are the arguments of a part: a report and its days.
type partArgs struct {
	Report string       `json:"report"`
	Start  calendar.Day `json:"start"`
	End    calendar.Day `json:"end"`
}

// Plan creates a part for each report and month, or quarter or year if there would be more than
// importers.MaxParts.
func (g *Importer) Plan(ctx context.Context, imp importers.Import) (importers.Plan, error) {
	args, err := decodeStored(imp.Args)
	if err != nil {
		return importers.Plan{}, err
	}
	c, err := g.client(ctx, imp, args)
	if err != nil {
		return importers.Plan{}, err
	}
	f, err := c.findDays(ctx, args, imp.Feedback)
	if err != nil {
		return importers.Plan{}, err
	}
	plan := importers.Plan{Range: f.days}
	spans := cutSpans(f.days, importers.MaxParts/len(g.reports))
	for _, r := range g.reports {
		for _, s := range spans {
			raw, err := json.Marshal(partArgs{Report: r.table.Name, Start: s.days.First, End: s.days.Last})
			if err != nil {
				return importers.Plan{}, fmt.Errorf("write part: %w", err)
			}
			plan.Parts = append(plan.Parts, importers.Part{
				No: len(plan.Parts), Table: r.table, Label: r.table.Name + " " + s.label, Args: raw,
				Days: calendar.NewSet(s.days),
			})
		}
	}
	return plan, nil
}

// span is a range of the plan's days with its label.
type span struct {
	days  calendar.Range
	label string
}

// cutSpans divides a range into months, or into quarters or years to have at most limit spans.
func cutSpans(days calendar.Range, limit int) []span {
	var spans []span
	for _, months := range []int{1, 3, 12} {
		if spans = cutBy(days, months); len(spans) <= limit {
			break
		}
	}
	return spans
}

// cutBy divides a range at the beginnings of periods of that many months.
func cutBy(days calendar.Range, months int) []span {
	var spans []span
	for first := days.First; first <= days.Last; {
		year, month, _ := first.Time().Date()
		begin := (int(month)-1)/months*months + 1
		next := calendar.DayOf(time.Date(year, time.Month(begin+months), 1, 0, 0, 0, 0, time.UTC))
		s := span{days: calendar.Range{First: first, Last: min(next-1, days.Last)}}
		switch months {
		case 1:
			s.label = fmt.Sprintf("%04d-%02d", year, month)
		case 3:
			s.label = fmt.Sprintf("%04d-Q%d", year, (begin+2)/3)
		default:
			s.label = fmt.Sprintf("%04d", year)
		}
		spans = append(spans, s)
		first = next
	}
	return spans
}
