package pages

import (
	"fmt"
	"html/template"
	"slices"
	"time"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/server/pages/chart"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// Rate returns the rows that were read per second so far, "" before there are any.
func (i importShown) Rate() string {
	elapsed := i.elapsed()
	if elapsed < time.Second || i.RowsRead == 0 {
		return ""
	}
	return number(int64(float64(i.RowsRead)/elapsed.Seconds())) + " rows/s"
}

// elapsed returns the time since the start, or how long the import took.
func (i importShown) elapsed() time.Duration {
	if i.StartedAt == nil {
		return 0
	}
	if i.FinishedAt != nil {
		return i.FinishedAt.Sub(*i.StartedAt)
	}
	return time.Since(*i.StartedAt)
}

// Remaining estimates the time to the end of loading from the bytes that are left, "" where the source does not say how
// many there are.
func (i importShown) Remaining() string {
	if i.Phase != importstore.PhaseLoading || i.Paused {
		return ""
	}
	var read, total int64
	for _, p := range i.Parts {
		if p.BytesTotal == 0 {
			return ""
		}
		total += p.BytesTotal
		read += p.BytesRead
		if p.Status == importstore.PartDone || p.Status == importstore.PartSkipped {
			read += p.BytesTotal - p.BytesRead
		}
	}
	if read == 0 || total <= read {
		return ""
	}
	return duration(time.Duration(float64(i.elapsed()) * float64(total-read) / float64(read)))
}

// partTones are the colours of the statuses of parts in the timeline.
var partTones = map[string]chart.Tone{
	importstore.PartWaiting: chart.ToneWait, importstore.PartRunning: chart.ToneBusy, importstore.PartDone: chart.ToneGood,
	importstore.PartParked: chart.ToneWarn, importstore.PartSkipped: chart.ToneIdle, importstore.PartFailed: chart.ToneBad,
}

// Timeline draws the days of the parts by table, nothing for an import without parts.
func (i importShown) Timeline() template.HTML {
	spec := chart.Timeline{Title: "Days of the parts, by table"}
	rows := map[string]int{}
	done := map[string]int{}
	count := map[string]int{}
	for _, p := range i.Parts {
		for _, days := range p.Days {
			if len(spec.Rows) == 0 {
				spec.Days = days
			}
			spec.Days = calendar.Range{First: min(spec.Days.First, days.First), Last: max(spec.Days.Last, days.Last)}
			at, ok := rows[p.Table]
			if !ok {
				at = len(spec.Rows)
				rows[p.Table] = at
				spec.Rows = append(spec.Rows, chart.TimelineRow{Label: p.Table})
			}
			spec.Rows[at].Spans = append(spec.Rows[at].Spans, chart.Span{
				Days: days, Tone: partTones[p.Status], Text: p.Label + ", " + days.String() + ": " + words(p.Status),
			})
		}
		count[p.Table]++
		if p.Status == importstore.PartDone || p.Status == importstore.PartSkipped {
			done[p.Table]++
		}
	}
	if len(spec.Rows) == 0 {
		return ""
	}
	for at := range spec.Rows {
		table := spec.Rows[at].Label
		spec.Rows[at].Note = fmt.Sprintf("%d of %s done", done[table], plural(count[table], "part", "parts"))
	}
	for _, status := range []string{
		importstore.PartWaiting, importstore.PartRunning, importstore.PartDone, importstore.PartParked,
		importstore.PartSkipped, importstore.PartFailed,
	} {
		if slices.ContainsFunc(i.Parts, func(p importview.Part) bool { return p.Status == status }) {
			spec.States = append(spec.States, chart.TimelineState{Tone: partTones[status], Name: status})
		}
	}
	return chart.Gantt(spec)
}
