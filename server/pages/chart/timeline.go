package chart

import (
	"fmt"
	"html/template"
	"slices"

	"github.com/sluicehq/sluice/calendar"
)

// Tone is the colour of a state, as of the badges of statuses.
type Tone string

// Tones.
const (
	ToneGood Tone = "good"
	ToneBusy Tone = "busy"
	ToneWait Tone = "wait"
	ToneWarn Tone = "warn"
	ToneBad  Tone = "bad"
	ToneIdle Tone = "idle"
)

// class returns the class of a tone, that of ToneIdle for an unknown one.
func (t Tone) class() string {
	if slices.Contains([]Tone{ToneGood, ToneBusy, ToneWait, ToneWarn, ToneBad}, t) {
		return string(t)
	}
	return string(ToneIdle)
}

// Timeline is a chart of ranges of days in rows, such as the parts of an import by table.
type Timeline struct {
	Title, Description string
	// Days is the range of the chart. What is beyond is cut off.
	Days calendar.Range
	Rows []TimelineRow
	// States are the tones with their names, for the legend.
	States []TimelineState
}

// TimelineState is an entry of the legend.
type TimelineState struct {
	Tone Tone
	Name string
}

// TimelineRow is a row with a label above its ranges.
type TimelineRow struct {
	Label string
	// Note is at the end of the line of the label, such as "3 of 4 parts".
	Note  string
	Spans []Span
}

// Span is a range of days.
type Span struct {
	Days calendar.Range
	Tone Tone
	// Text says what it is, and its state.
	Text string
	// Href is the path of a page about it; empty for none.
	Href string
}

// Limits of a timeline, and the height of the viewBox of a row.
const (
	maxRows   = 100
	maxSpans  = 400
	maxLanes  = 4
	rowHeight = 12.0
)

// Gantt draws a timeline. In a row with more than 400 ranges, neighbours of the same tone are one. Ranges that overlap
// are below each other, in up to 4 lanes.
func Gantt(spec Timeline) template.HTML {
	days := max(spec.Days.Days(), 1)
	var m markup
	m.add(`<figure class="chart timeline"><figcaption class="hidden">%s</figcaption><ol>`,
		text(spec.Title+". "+spec.Description))
	for _, row := range spec.Rows[:min(len(spec.Rows), maxRows)] {
		m.add(`<li><span class="row">%s</span>`, text(row.Label))
		if row.Note != "" {
			m.add(`<span class="count">%s</span>`, text(row.Note))
		}
		spans := merged(row.Spans)
		lanes, count := lanesOf(spans)
		height := rowHeight / float64(count)
		class := "track"
		if count > 2 {
			class += " high"
		}
		m.add(`<svg class="%s" role="img" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" `+
			`preserveAspectRatio="none"><title>%s</title>`, class, coord(plotWidth), coord(rowHeight),
			text(row.Label+": "+row.Note))
		for i, s := range spans {
			first, last := max(s.Days.First, spec.Days.First), min(s.Days.Last, spec.Days.Last)
			if last < first {
				continue
			}
			begin, end := link(s.Href)
			m.add(`%s<rect class="span %s" x="%s" y="%s" width="%s" height="%s"><title>%s</title></rect>%s`, begin,
				s.Tone.class(), coord(float64(first-spec.Days.First)/float64(days)*plotWidth), coord(float64(lanes[i])*height),
				coord(float64(last-first+1)/float64(days)*plotWidth), coord(height), text(s.Days.String()+": "+s.Text), end)
		}
		m.add(`</svg></li>`)
	}
	m.add(`</ol><svg class="axis" aria-hidden="true" xmlns="http://www.w3.org/2000/svg">`)
	starts := make([]calendar.Day, min(days, maxAxis))
	for i := range starts {
		starts[i] = spec.Days.First + calendar.Day(i)
	}
	m.addTicks(ticksOf(starts, IntervalDay), days, 14)
	m.add(`</svg><ul class="legend">`)
	for _, s := range spec.States {
		m.add(`<li><span class="key %s"></span>%s</li>`, s.Tone.class(), text(s.Name))
	}
	m.add(`</ul></figure>`)
	return m.html()
}

// maxAxis is the number of days with labels: those of a century.
const maxAxis = 36_600

// merged returns at most maxSpans ranges by their first days: too many neighbours of the same tone are one.
func merged(spans []Span) []Span {
	sorted := slices.Clone(spans)
	slices.SortStableFunc(sorted, func(a, b Span) int { return int(a.Days.First) - int(b.Days.First) })
	if len(sorted) <= maxSpans {
		return sorted
	}
	var all []Span
	for i := 0; i < len(sorted) && len(all) < maxSpans; {
		one, n := sorted[i], 1
		for i++; i < len(sorted) && sorted[i].Tone == one.Tone && sorted[i].Days.First <= one.Days.Last+1; i++ {
			one.Days.Last = max(one.Days.Last, sorted[i].Days.Last)
			n++
		}
		if n > 1 {
			one.Text, one.Href = fmt.Sprintf("%s, and %d more", one.Text, n-1), ""
		}
		all = append(all, one)
	}
	return all
}

// lanesOf returns a lane for each of ranges that are ordered by their first days, and the number of lanes: ranges of a
// lane do not overlap, unless there are more at once than lanes.
func lanesOf(spans []Span) (lanes []int, count int) {
	var ends []calendar.Day // of the last range of each lane
	lanes = make([]int, len(spans))
	for i, s := range spans {
		lane := slices.IndexFunc(ends, func(end calendar.Day) bool { return end < s.Days.First })
		switch {
		case lane >= 0:
			ends[lane] = s.Days.Last
		case len(ends) < maxLanes:
			lane, ends = len(ends), append(ends, s.Days.Last)
		default:
			// The lane that is free first: the least is hidden.
			lane = slices.Index(ends, slices.Min(ends))
			ends[lane] = max(ends[lane], s.Days.Last)
		}
		lanes[i] = lane
	}
	return lanes, max(len(ends), 1)
}
