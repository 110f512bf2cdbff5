// Package chart draws charts as SVG and HTML on the server: series over time, comparisons, sparklines, bars and
// timelines. They need no script and have no style but classes, so that a strict content security policy allows
// them; static/charts.css has the colours and sizes.
//
// Coordinates are percentages, or those of an inner viewBox that is stretched to the width of the page, and text keeps
// its size: a chart is as legible on a phone as on a screen. Each function is pure: it returns the same markup
// for the same specification. All texts are escaped and cut at MaxText characters.
package chart

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/dustin/go-humanize"

	"github.com/sluicehq/sluice/internal/convert"
)

// Limits of a chart.
const (
	// MaxSeries is the number of series of a chart. Those beyond are summed up as the last one.
	MaxSeries = 10
	// MaxPeriods is the number of periods of a chart. Those beyond are left out.
	MaxPeriods = 8000
	// MaxText is the number of characters of a text.
	MaxText = 200
	// maxHits is the number of periods of a chart with the figures of each period under the pointer.
	maxHits = 400
)

// Gap is the value of a period without data, in contrast to 0. Negative and infinite values are gaps too.
func Gap() float64 { return math.NaN() }

func isGap(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) || v < 0 }

// Width and height of the inner viewBox of a plot, and the rows of text above and below it, in pixels.
const (
	plotWidth  = 1000.0
	plotHeight = 200.0
	plotTop    = 18.0
	plotBottom = 26.0
)

// markup collects the text of a chart.
type markup struct{ strings.Builder }

// add appends text, with the placeholders of fmt. Numbers come from coord, texts from text.
func (m *markup) add(format string, args ...any) { fmt.Fprintf(&m.Builder, format, args...) }

func (m *markup) html() template.HTML { return template.HTML(m.String()) } //nolint:gosec // text escapes

// coord formats a coordinate with at most two decimals.
func coord(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		v = 0
	}
	rounded := math.Round(v*100) / 100
	if rounded == 0 {
		return "0" // and not -0
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

// text escapes a text for markup. Control characters become blanks.
func text(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == 0xFFFE || r == 0xFFFF {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if runes := []rune(s); len(runes) > MaxText {
		s = string(runes[:MaxText-1]) + "…"
	}
	return template.HTMLEscapeString(s)
}

// lines escapes lines and joins them for a title.
func lines(all []string) string {
	return strings.Join(convert.Slice(all, text), "\n")
}

// link returns the beginning and the end of a link to a path of the server, both empty for any other address.
func link(href string) (begin, end string) {
	if !strings.HasPrefix(href, "/") || strings.HasPrefix(href, "//") || strings.ContainsAny(href, "\\\t\r\n") {
		return "", ""
	}
	return `<a href="` + template.HTMLEscapeString(strings.ToValidUTF8(href, "")) + `">`, "</a>"
}

// number groups the digits of a count: 1,389,728. A fraction has one digit.
func number(v float64) string {
	if isGap(v) {
		return "–"
	}
	if v == math.Trunc(v) && v < 1e15 {
		return humanize.Comma(int64(v))
	}
	return humanize.CommafWithDigits(v, 1)
}

// short is number for an axis: 25,000, but 1.5 M.
func short(v float64) string {
	for _, unit := range []struct {
		from   float64
		suffix string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}} {
		if v >= unit.from {
			return strconv.FormatFloat(math.Round(v/unit.from*100)/100, 'f', -1, 64) + " " + unit.suffix
		}
	}
	return number(v)
}

// share returns a part of a whole: 12 %, or <1 %.
func share(part, whole float64) string {
	if isGap(part) || isGap(whole) || whole == 0 || part > whole {
		return "–"
	}
	percent := part / whole * 100
	if percent > 0 && percent < 1 {
		return "<1 %"
	}
	return strconv.FormatFloat(math.Round(percent), 'f', 0, 64) + " %"
}

// Series are figures by period.
type Series struct {
	Name string
	// Href is the path of a page about it; empty for none.
	Href string
	// Values has a value for each period, or Gap. Missing ones are gaps.
	Values []float64
}

// at returns the value of a period.
func (s Series) at(i int) float64 {
	if i >= len(s.Values) || isGap(s.Values[i]) {
		return Gap()
	}
	return s.Values[i]
}

// folded returns at most MaxSeries series: the last one is the sum of those beyond.
func folded(all []Series, periods int) []Series {
	if len(all) <= MaxSeries {
		return all
	}
	rest := Series{Name: fmt.Sprintf("%d others", len(all)-MaxSeries+1), Values: make([]float64, periods)}
	for i := range rest.Values {
		rest.Values[i] = total(all[MaxSeries-1:], i)
	}
	return append(slices.Clone(all[:MaxSeries-1]), rest)
}

// total returns the sum of a period, or Gap if it has no data.
func total(all []Series, i int) float64 {
	sum, found := 0.0, false
	for _, s := range all {
		if v := s.at(i); !isGap(v) {
			sum, found = sum+v, true
		}
	}
	if !found {
		return Gap()
	}
	return min(sum, math.MaxFloat64/4)
}
