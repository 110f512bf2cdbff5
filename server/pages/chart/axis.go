package chart

import (
	"math"
	"slices"
	"time"

	"github.com/sluicehq/sluice/calendar"
)

// scale is the vertical axis: from 0 to top, with a line at each tick.
type scale struct {
	top   float64
	ticks []float64
}

// scaleFor returns a scale of at most 5 steps of 1, 2 or 5 times a power of ten. A step is at least 1: figures are
// counts.
func scaleFor(most float64) scale {
	if isGap(most) || most <= 0 {
		return scale{top: 1, ticks: []float64{0}}
	}
	rough := most / 5
	power := math.Pow(10, math.Floor(math.Log10(rough)))
	step := 10 * power
	for _, factor := range []float64{1, 2, 5} {
		if factor*power >= rough {
			step = factor * power
			break
		}
	}
	step = max(step, 1)
	s := scale{}
	n := int(math.Ceil(most/step - 1e-9))
	for i := range n + 1 {
		s.ticks = append(s.ticks, float64(i)*step)
	}
	s.top = float64(n) * step
	return s
}

// y returns the vertical position of a value in the plot.
func (s scale) y(v float64) float64 { return plotHeight - min(v/s.top, 1)*plotHeight }

// tick is a label of the horizontal axis.
type tick struct {
	// period is the index of its period.
	period int
	label  string
}

// maxTicks is the number of labels of the horizontal axis. A narrow page shows some of them.
const maxTicks = 7

// Widths of the plot of a page of 360 pixels, and of a character of a label, in pixels.
const (
	narrowWidth = 250.0
	charWidth   = 7.0
)

// Spans in days up to which the labels of the horizontal axis are days, then months, then years.
const (
	daySpan   = 120
	monthSpan = 1100
)

// ticksOf returns the labels of periods with these first days.
func ticksOf(starts []calendar.Day, interval Interval) []tick {
	if len(starts) == 0 {
		return nil
	}
	span := int(starts[len(starts)-1] - starts[0])
	layout, changes := "2006", func(a, b time.Time) bool { return a.Year() != b.Year() }
	steps := []int{1, 2, 5, 10, 20}
	switch {
	case span <= daySpan && interval != IntervalMonth:
		layout, changes = "2 Jan", func(time.Time, time.Time) bool { return true }
		steps = []int{1, 2, 7, 14, 21}
	case span <= monthSpan:
		layout, changes = "Jan 2006", func(a, b time.Time) bool { return a.Month() != b.Month() || a.Year() != b.Year() }
		steps = []int{1, 2, 3, 6, 12}
	}
	var all []tick
	for i, start := range starts {
		if i == 0 && layout != "2 Jan" && start.Time().Day() > 7 {
			continue // the rest of a month or a year is no beginning
		}
		if i == 0 && layout == "2006" && start.Time().YearDay() > 31 {
			continue
		}
		if i == 0 || changes(starts[i-1].Time(), start.Time()) {
			all = append(all, tick{period: i, label: start.Time().Format(layout)})
		}
	}
	if len(all) == 0 {
		return []tick{{period: 0, label: starts[0].Time().Format("2 Jan 2006")}}
	}
	// Labels are whole weeks, quarters or decades apart, as far as that leaves few enough.
	step := (len(all) + maxTicks - 1) / maxTicks
	if i := slices.IndexFunc(steps, func(s int) bool { return s >= step }); i >= 0 {
		step = steps[i]
	}
	var some []tick
	for i := 0; i < len(all); i += step {
		some = append(some, all[i])
	}
	return some
}

// label is a label of the horizontal axis in its place.
type label struct {
	text string
	// at is its position, and anchor the class of what is there: "" for its middle, else its first or last character.
	// Positions are in percent of the width.
	at     float64
	anchor string
}

// labelsOf places labels in the middle of their periods, and those at an end inside of the plot.
func labelsOf(ticks []tick, periods int) []label {
	all := make([]label, len(ticks))
	for i, t := range ticks {
		all[i] = label{text: t.label, at: (float64(t.period) + 0.5) / float64(periods) * 100}
		switch {
		case all[i].at < 5:
			all[i].at, all[i].anchor = float64(t.period)/float64(periods)*100, "first"
		case all[i].at > 94:
			all[i].at, all[i].anchor = float64(t.period+1)/float64(periods)*100, "last"
		}
	}
	return all
}

// span returns the ends of a label in a narrow plot.
func (l label) span() (from, to float64) {
	width := float64(len([]rune(l.text))) * charWidth / narrowWidth * 100
	switch l.anchor {
	case "first":
		return l.at, l.at + width
	case "last":
		return l.at - width, l.at
	}
	return l.at - width/2, l.at + width/2
}

// strideOf returns the smallest number n for which every n-th label has room in a narrow plot.
func strideOf(all []label) int {
	for stride := 1; stride < len(all); stride++ {
		overlap := false
		for i := stride; i < len(all); i += stride {
			_, to := all[i-stride].span()
			from, _ := all[i].span()
			overlap = overlap || from < to+charWidth/narrowWidth*100
		}
		if !overlap {
			return stride
		}
	}
	return max(len(all), 1)
}

// addTicks adds the labels of the horizontal axis at the height y. Those that a narrow page has no room for are minor.
func (m *markup) addTicks(ticks []tick, periods int, y float64) {
	all := labelsOf(ticks, periods)
	stride := strideOf(all)
	for i, l := range all {
		class := "x"
		if i%stride != 0 {
			class += " minor"
		}
		if l.anchor != "" {
			class += " " + l.anchor
		}
		m.add(`<text class="%s" x="%s%%" y="%s">%s</text>`, class, coord(l.at), coord(y), text(l.text))
	}
}
