package chart

import "html/template"

// Spark is a small chart without axes.
type Spark struct {
	// Title says what it shows and its latest figures: the chart has no other text.
	Title  string
	Values []float64
}

// Width and height of the viewBox of a sparkline, and the margin above and below its line.
const (
	sparkWidth  = 120.0
	sparkHeight = 28.0
	sparkMargin = 2.0
)

// Sparkline draws a line with a shade below it. Gaps interrupt both; a single value between gaps is a short line.
func Sparkline(spec Spark) template.HTML {
	values := spec.Values[:min(len(spec.Values), MaxPeriods)]
	var m, area, line markup
	most := 0.0
	for _, v := range values {
		if !isGap(v) {
			most = max(most, v)
		}
	}
	width := sparkWidth / float64(max(len(values), 1))
	y := func(v float64) float64 {
		if most == 0 {
			return sparkHeight - sparkMargin
		}
		return sparkMargin + (1-v/most)*(sparkHeight-2*sparkMargin)
	}
	for i := 0; i < len(values); i++ {
		from := i
		for i < len(values) && !isGap(values[i]) {
			i++
		}
		if i == from {
			continue
		}
		// The middle of each period; the first and the last one reach to their edges.
		left, right := float64(from)*width, float64(i)*width
		area.add("M%s %sV%s", coord(left), coord(sparkHeight), coord(y(values[from])))
		line.add("M%s %s", coord(left), coord(y(values[from])))
		for n := from; n < i; n++ {
			point := "L" + coord((float64(n)+0.5)*width) + " " + coord(y(values[n]))
			area.add("%s", point)
			line.add("%s", point)
		}
		area.add("L%s %sV%sZ", coord(right), coord(y(values[i-1])), coord(sparkHeight))
		line.add("L%s %s", coord(right), coord(y(values[i-1])))
	}
	m.add(`<svg class="spark" role="img" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" `+
		`preserveAspectRatio="none"><title>%s</title>`, coord(sparkWidth), coord(sparkHeight), text(spec.Title))
	if line.Len() > 0 {
		m.add(`<path class="area" d="%s"/><path class="line" d="%s"/>`, area.String(), line.String())
	}
	m.add(`</svg>`)
	return m.html()
}
