package chart

import (
	"fmt"
	"html/template"

	"github.com/sluicehq/sluice/calendar"
)

// Interval is the length of the periods of a chart.
type Interval string

// Intervals.
const (
	IntervalDay   Interval = "day"
	IntervalWeek  Interval = "week"
	IntervalMonth Interval = "month"
)

// name returns the name of the period that begins on a day.
func (i Interval) name(start calendar.Day) string {
	switch t := start.Time(); i {
	case IntervalWeek:
		return "week of " + t.Format("2 January 2006")
	case IntervalMonth:
		return t.Format("January 2006")
	default:
		return t.Format("Monday, 2 January 2006")
	}
}

// Mark is a line at the beginning of a period, such as the first day of native data.
type Mark struct {
	// Period is the index of its period.
	Period int
	Label  string
}

// Time is a chart of figures by day, week or month.
type Time struct {
	// Title says what is counted, Description what the chart shows, for those who do not see it.
	Title, Description string
	// Starts are the first days of the periods, in order and without holes.
	Starts   []calendar.Day
	Interval Interval
	// Series are stacked, the first one at the bottom.
	Series []Series
	Marks  []Mark
}

// Stacked draws stacked bars, one for each period, in the colours c0 to c9 of the series. Periods without data are
// shaded.
func Stacked(spec Time) template.HTML {
	starts := spec.Starts[:min(len(spec.Starts), MaxPeriods)]
	series := folded(spec.Series, len(starts))
	p := newPlot(spec.Title, spec.Description, starts, spec.Interval)
	most := 0.0
	for i := range starts {
		if v := total(series, i); !isGap(v) {
			most = max(most, v)
		}
	}
	p.begin(scaleFor(most), func(i int) bool { return isGap(total(series, i)) })
	floors := make([]float64, len(starts))
	for n, s := range series {
		path := p.bars(s, floors)
		if path != "" {
			p.add(`<path class="c%d" d="%s"/>`, n, path)
		}
	}
	p.hits(func(i int) []string { return figures(series, i) })
	p.end(spec.Marks)
	p.legend(series, func(n int) string { return fmt.Sprintf("c%d", n) })
	return p.html()
}

// figures are the lines about a period: its total, then each series that has data.
func figures(series []Series, i int) []string {
	sum := total(series, i)
	if isGap(sum) {
		return []string{"no data"}
	}
	var all []string
	for _, s := range series {
		if v := s.at(i); !isGap(v) {
			all = append(all, s.Name+": "+number(v))
		}
	}
	if len(all) > 1 {
		all = append([]string{"total: " + number(sum)}, all...)
	}
	return all
}

// plot is the frame of a chart over time: title, grid, axes, and the plot between them.
type plot struct {
	markup
	starts   []calendar.Day
	interval Interval
	scale    scale
}

func newPlot(title, description string, starts []calendar.Day, interval Interval) *plot {
	p := &plot{starts: starts, interval: interval}
	p.add(`<figure class="chart"><svg class="plot" role="img" xmlns="http://www.w3.org/2000/svg"><title>%s</title>`,
		text(title))
	if description != "" {
		p.add(`<desc>%s</desc>`, text(description))
	}
	return p
}

// width returns the width of a period in the plot.
func (p *plot) width() float64 { return plotWidth / float64(max(len(p.starts), 1)) }

// begin adds the grid and opens the plot. Consecutive periods without data are one shade.
func (p *plot) begin(s scale, gap func(i int) bool) {
	p.scale = s
	for _, value := range s.ticks {
		class := "grid"
		if value == 0 {
			class = "base"
		}
		y := coord(plotTop + s.y(value))
		p.add(`<line class="%s" x1="0" x2="100%%" y1="%s" y2="%s"/>`, class, y, y)
	}
	p.add(`<svg x="0" y="%s" width="100%%" height="%s" viewBox="0 0 %s %s" preserveAspectRatio="none">`, coord(plotTop),
		coord(plotHeight), coord(plotWidth), coord(plotHeight))
	for i := 0; i < len(p.starts); i++ {
		from := i
		for i < len(p.starts) && gap(i) {
			i++
		}
		if i > from {
			p.add(`<rect class="gap" x="%s" y="0" width="%s" height="%s"/>`, coord(float64(from)*p.width()),
				coord(float64(i-from)*p.width()), coord(plotHeight))
		}
	}
}

// bars returns the path of the bars of a series, each on its floor, which it raises. Bars of many periods touch.
func (p *plot) bars(s Series, floors []float64) string {
	var path markup
	margin := 0.0
	if len(p.starts) <= 130 {
		margin = p.width() * 0.12
	}
	for i := range p.starts {
		v := s.at(i)
		if isGap(v) || v == 0 {
			continue
		}
		low, high := p.scale.y(floors[i]), p.scale.y(floors[i]+v)
		left, right := float64(i)*p.width()+margin, float64(i+1)*p.width()-margin
		path.add("M%s %sV%sH%sV%sZ", coord(left), coord(low), coord(high), coord(right), coord(low))
		floors[i] += v
	}
	return path.String()
}

// hits adds an invisible area for each period that says its figures.
func (p *plot) hits(figures func(i int) []string) {
	if len(p.starts) > maxHits {
		return
	}
	for i, start := range p.starts {
		title := append([]string{p.interval.name(start)}, figures(i)...)
		p.add(`<rect class="hit" x="%s" y="0" width="%s" height="%s"><title>%s</title></rect>`, coord(float64(i)*p.width()),
			coord(p.width()), coord(plotHeight), lines(title))
	}
}

// end closes the plot and adds marks and the labels of the axes, above everything else.
func (p *plot) end(marks []Mark) {
	p.add(`</svg>`)
	for _, m := range marks {
		if m.Period < 0 || m.Period >= len(p.starts) {
			continue
		}
		at := float64(m.Period) / float64(len(p.starts)) * 100
		class := "mark"
		if at > 60 {
			class += " last"
		}
		p.add(`<line class="mark" x1="%s%%" x2="%s%%" y1="4" y2="%s"/><text class="%s" x="%s%%" y="12">%s</text>`, coord(at),
			coord(at), coord(plotTop+plotHeight), class, coord(at), text(m.Label))
	}
	for _, value := range p.scale.ticks {
		if value > 0 {
			p.add(`<text class="y" x="0" y="%s">%s</text>`, coord(plotTop+p.scale.y(value)+4), text(short(value)))
		}
	}
	p.addTicks(ticksOf(p.starts, p.interval), len(p.starts), plotTop+plotHeight+18)
	p.add(`</svg>`)
}

// legend adds the names of the series and closes the figure.
func (p *plot) legend(series []Series, class func(n int) string) {
	p.add(`<ul class="legend">`)
	for n, s := range series {
		begin, end := link(s.Href)
		p.add(`<li><span class="key %s"></span>%s%s%s</li>`, class(n), begin, text(s.Name), end)
	}
	p.add(`</ul></figure>`)
}
