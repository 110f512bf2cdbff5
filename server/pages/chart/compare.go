package chart

import (
	"html/template"
	"math"
	"strconv"

	"github.com/sluicehq/sluice/calendar"
)

// Comparison is a chart of two series, such as what an import would show beside what is there.
type Comparison struct {
	Title, Description string
	Starts             []calendar.Day
	Interval           Interval
	// Before is drawn as an area, After as a line above it.
	Before, After Series
}

// Compare draws two series over each other. Periods for which neither has data are shaded.
func Compare(spec Comparison) template.HTML {
	starts := spec.Starts[:min(len(spec.Starts), MaxPeriods)]
	p := newPlot(spec.Title, spec.Description, starts, spec.Interval)
	most := 0.0
	for i := range starts {
		for _, v := range []float64{spec.Before.at(i), spec.After.at(i)} {
			if !isGap(v) {
				most = max(most, v)
			}
		}
	}
	p.begin(scaleFor(most), func(i int) bool { return isGap(spec.Before.at(i)) && isGap(spec.After.at(i)) })
	if path := p.steps(spec.Before, true); path != "" {
		p.add(`<path class="before" d="%s"/>`, path)
	}
	if path := p.steps(spec.After, false); path != "" {
		p.add(`<path class="after" d="%s"/>`, path)
	}
	p.hits(func(i int) []string {
		before, after := spec.Before.at(i), spec.After.at(i)
		return []string{
			spec.Before.Name + ": " + number(before), spec.After.Name + ": " + number(after),
			"difference: " + difference(before, after),
		}
	})
	p.end(nil)
	p.legend([]Series{spec.Before, spec.After}, func(n int) string { return []string{"before", "after"}[n] })
	return p.html()
}

// steps returns the path of a series as steps, each as wide as its period; closed makes areas of it. Gaps interrupt it.
func (p *plot) steps(s Series, closed bool) string {
	var path markup
	begun := false
	for i := 0; i <= len(p.starts); i++ {
		if i == len(p.starts) || isGap(s.at(i)) {
			if begun && closed {
				path.add("V%sZ", coord(plotHeight))
			}
			begun = false
			continue
		}
		y := coord(p.scale.y(s.at(i)))
		switch {
		case begun:
			path.add("V%s", y)
		case closed:
			path.add("M%s %sV%s", coord(float64(i)*p.width()), coord(plotHeight), y)
		default:
			path.add("M%s %s", coord(float64(i)*p.width()), y)
		}
		path.add("H%s", coord(float64(i+1)*p.width()))
		begun = true
	}
	return path.String()
}

// difference returns the change from one value to another: +12 %, new, gone or none.
func difference(before, after float64) string {
	switch {
	case isGap(before) && isGap(after), before == after:
		return "none"
	case isGap(before) || before == 0:
		return "new"
	case isGap(after):
		return "gone"
	}
	percent := math.Round((after - before) / before * 100)
	if math.IsInf(percent, 0) || percent > 1e6 {
		return "more than 1,000,000 %"
	}
	text := strconv.FormatFloat(percent, 'f', 0, 64) + " %"
	if percent > 0 {
		text = "+" + text
	}
	return text
}
