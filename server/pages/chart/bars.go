package chart

import "html/template"

// Bars is a table of values with bars.
type Bars struct {
	// Title is the caption; Label and Value are the headers of the columns.
	Title, Label, Value string
	Rows                []Bar
	// Total is the whole of which the rows are shares. 0 leaves out the shares.
	Total float64
}

// Bar is a row of Bars.
type Bar struct {
	// Label is the value, and Note what is behind it, smaller.
	Label, Note string
	// Href is the path of a page about it; empty for none.
	Href  string
	Value float64
}

// HorizontalBars draws a table with a bar in each row, as long as its share of the largest one.
func HorizontalBars(spec Bars) template.HTML {
	rows := spec.Rows[:min(len(spec.Rows), MaxPeriods)]
	most := 0.0
	for _, row := range rows {
		if !isGap(row.Value) {
			most = max(most, row.Value)
		}
	}
	var m markup
	m.add(`<table class="bars"><caption>%s</caption><thead><tr><th>%s</th><th class="num">%s</th>`, text(spec.Title),
		text(spec.Label), text(spec.Value))
	if spec.Total > 0 {
		m.add(`<th class="num">Share</th>`)
	}
	m.add(`</tr></thead><tbody>`)
	for _, row := range rows {
		length := 0.0
		if !isGap(row.Value) && most > 0 {
			length = row.Value / most * 100
		}
		begin, end := link(row.Href)
		m.add(`<tr><th scope="row"><svg class="length" aria-hidden="true" xmlns="http://www.w3.org/2000/svg" `+
			`viewBox="0 0 100 10" preserveAspectRatio="none"><rect x="0" y="0" width="%s" height="10"/></svg>`+
			`<span class="label" title="%s">%s%s%s`, coord(length), text(row.Label), begin, text(row.Label), end)
		if row.Note != "" {
			m.add(` <small>%s</small>`, text(row.Note))
		}
		m.add(`</span></th><td class="num">%s</td>`, text(number(row.Value)))
		if spec.Total > 0 {
			m.add(`<td class="num share">%s</td>`, text(share(row.Value, spec.Total)))
		}
		m.add(`</tr>`)
	}
	m.add(`</tbody></table>`)
	return m.html()
}
