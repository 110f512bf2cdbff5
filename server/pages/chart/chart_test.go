package chart_test

import (
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"html/template"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/server/pages/chart"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares a chart with testdata/NAME.html.
func golden(t *testing.T, name string, got template.HTML) {
	t.Helper()
	path := filepath.Join("testdata", name+".html")
	text := strings.ReplaceAll(string(got), "><", ">\n<") + "\n"
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run the test with -update to write it")
	require.Equal(t, string(want), text)
}

func parse(t *testing.T, text string) calendar.Day {
	t.Helper()
	d, err := calendar.ParseDay(text)
	require.NoError(t, err)
	return d
}

// starts are n days from a day on.
func starts(first calendar.Day, n int) []calendar.Day {
	all := make([]calendar.Day, n)
	for i := range all {
		all[i] = first + calendar.Day(i)
	}
	return all
}

// wave is a series with a weekly rhythm between two periods, and gaps elsewhere.
func wave(name, href string, n, from, to int, level float64) chart.Series {
	s := chart.Series{Name: name, Href: href, Values: make([]float64, n)}
	for i := range s.Values {
		s.Values[i] = chart.Gap()
		if i >= from && i < to {
			weekday := []float64{1, 1.1, 1.15, 1.1, 1, .6, .55}[i%7]
			s.Values[i] = math.Round(level * weekday * (1 + float64(i)/float64(2*n)))
		}
	}
	return s
}

// The charts of the golden files and of the gallery.
func charts(t *testing.T) map[string]template.HTML {
	t.Helper()
	first := parse(t, "2026-01-05")
	const n = 84
	months := []calendar.Day{}
	for i := range 30 {
		months = append(months, calendar.DayOf(parse(t, "2023-09-01").Time().AddDate(0, i, 0)))
	}
	many := make([]chart.Series, 13)
	for i := range many {
		many[i] = wave(fmt.Sprintf("Import %d", i+1), "", 30, 0, 30, float64(1000*(i+1)))
	}
	day := func(from, to int) calendar.Range {
		return calendar.Range{First: first + calendar.Day(from), Last: first + calendar.Day(to)}
	}
	return map[string]template.HTML{
		"stacked": chart.Stacked(chart.Time{
			Title: "Visitors by day", Description: "Imported data up to 8 March 2026, then live events.", Starts: starts(first, n),
			Interval: chart.IntervalDay, Marks: []chart.Mark{{Period: 63, Label: "live events"}},
			Series: []chart.Series{
				wave("Live events", "", n, 63, 84, 2600), wave("Import 12, Google Analytics 4", "/imports/12", n, 28, 63, 2400),
				wave("Import 9, export of Plausible", "/imports/9", n, 0, 20, 2000),
			},
		}),
		"months": chart.Stacked(chart.Time{
			Title: "Pageviews by month", Starts: months, Interval: chart.IntervalMonth, Series: many,
		}),
		"few": chart.Stacked(chart.Time{
			Title: "Visits by week", Starts: []calendar.Day{first, first + 7, first + 14}, Interval: chart.IntervalWeek,
			Series: []chart.Series{{Name: "Import <b>1</b>", Values: []float64{3, chart.Gap(), 1}}},
		}),
		"empty": chart.Stacked(chart.Time{Title: "Visitors by day"}),
		"compare": chart.Compare(chart.Comparison{
			Title: "Visitors by day, present and staged", Starts: starts(first, n), Interval: chart.IntervalDay,
			Before: wave("present", "", n, 0, 60, 2400), After: wave("after this import", "", n, 20, 84, 2500),
		}),
		"sparkline": chart.Sparkline(chart.Spark{
			Title: "Visitors of the last 30 days, 2,600 yesterday", Values: wave("", "", 30, 4, 27, 2000).Values,
		}),
		"bars": chart.HorizontalBars(chart.Bars{
			Title: "Top pages", Label: "Page", Value: "Visitors", Total: 81_234,
			Rows: []chart.Bar{
				{Label: "/", Value: 42_100},
				{Label: "/pricing", Href: "/sites/x?page=/pricing", Value: 21_530},
				{Label: "/blog/2026/a-very-long-title-that-does-not-fit-beside-the-number-of-its-visitors", Value: 9_120},
				{Label: "/docs", Note: "documentation", Value: 812},
				{Label: "<script>alert(1)</script>", Value: 3},
			},
		}),
		"timeline": chart.Gantt(chart.Timeline{
			Title: "Parts by table", Description: "Days of each part with its state.", Days: day(0, 83),
			Rows: []chart.TimelineRow{
				{Label: "imported_visitors", Note: "3 of 3 parts", Spans: []chart.Span{
					{Days: day(0, 27), Tone: chart.ToneGood, Text: "done, 28 rows"},
					{Days: day(28, 55), Tone: chart.ToneGood, Text: "done, 28 rows"},
					{Days: day(56, 83), Tone: chart.ToneGood, Text: "done, 28 rows"},
				}},
				{Label: "imported_pages", Note: "1 of 4 parts", Spans: []chart.Span{
					{Days: day(0, 20), Tone: chart.ToneGood, Text: "done, 120,000 rows", Href: "/imports/7#part-2"},
					{Days: day(21, 41), Tone: chart.ToneBusy, Text: "running"},
					{Days: day(42, 62), Tone: chart.ToneWarn, Text: "parked"},
					{Days: day(63, 90), Tone: chart.ToneWait, Text: "waiting"},
				}},
			},
			States: []chart.TimelineState{
				{Tone: chart.ToneGood, Name: "done"},
				{Tone: chart.ToneBusy, Name: "running"},
				{Tone: chart.ToneWarn, Name: "parked"},
				{Tone: chart.ToneWait, Name: "waiting"},
			},
		}),
	}
}

func TestCharts(t *testing.T) {
	t.Parallel()
	for name, got := range charts(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, name, got)
			wellFormed(t, got)
		})
	}
}

var (
	percentage = regexp.MustCompile(`^-?[0-9.]+%$`)
	pathNumber = regexp.MustCompile(`[A-Z]|-?[0-9.e+]+`)
)

// wellFormed fails the test unless a chart is well-formed, has no style and no script, and its numbers are numbers inside
// the viewBox, or percentages up to 100.
func wellFormed(t *testing.T, got template.HTML) {
	t.Helper()
	width, height := 0.0, 0.0
	decoder := xml.NewDecoder(strings.NewReader("<root>" + string(got) + "</root>"))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err, got)
		element, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		require.NotContains(t, []string{"script", "style", "foreignObject"}, element.Name.Local)
		for _, a := range element.Attr {
			name, value := a.Name.Local, a.Value
			require.NotEqual(t, "style", name)
			require.False(t, strings.HasPrefix(name, "on"), name)
			switch {
			case name == "viewBox":
				_, err := fmt.Sscanf(value, "0 0 %f %f", &width, &height)
				require.NoError(t, err)
			case percentage.MatchString(value):
				n, err := strconv.ParseFloat(strings.TrimSuffix(value, "%"), 64)
				require.NoError(t, err)
				require.True(t, n >= 0 && n <= 100, "%s=%s", name, value)
			case element.Name.Local == "rect" && (name == "x" || name == "width"):
				inside(t, value, width)
			case element.Name.Local == "rect" && (name == "y" || name == "height"):
				inside(t, value, height)
			case name == "d":
				insidePath(t, value, width, height)
			}
		}
	}
}

func inside(t *testing.T, text string, limit float64) {
	t.Helper()
	n, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err)
	require.True(t, n >= 0 && n <= limit+0.01, "%s is not in 0 to %v", text, limit)
}

func insidePath(t *testing.T, path string, width, height float64) {
	t.Helper()
	horizontal := true
	for _, token := range pathNumber.FindAllString(path, -1) {
		switch token {
		case "M", "L", "H":
			horizontal = true
		case "V":
			horizontal = false
		case "Z":
		default:
			if horizontal {
				inside(t, token, width)
			} else {
				inside(t, token, height)
			}
			horizontal = !horizontal
		}
	}
}

// Whatever the figures are: no number is none, everything is inside its viewBox, and ticks grow.
func TestProperties(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	odd := []float64{0, -1, 1, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64, 1e15, 0.3, 7}
	intervals := []chart.Interval{chart.IntervalDay, chart.IntervalWeek, chart.IntervalMonth}
	for range 60 {
		n := random.IntN(150)
		series := make([]chart.Series, random.IntN(14))
		for i := range series {
			series[i] = chart.Series{Name: "s", Values: make([]float64, random.IntN(n+3))}
			for v := range series[i].Values {
				series[i].Values[v] = odd[random.IntN(len(odd))]
				if random.IntN(2) == 0 {
					series[i].Values[v] = random.Float64() * math.Pow(10, float64(random.IntN(12)))
				}
			}
		}
		days := starts(calendar.Day(random.IntN(40_000)), n)
		interval := intervals[random.IntN(len(intervals))]
		got := chart.Stacked(chart.Time{
			Title: "t", Starts: days, Interval: interval, Series: series, Marks: []chart.Mark{{Period: random.IntN(200) - 20, Label: "m"}},
		})
		wellFormed(t, got)
		ticksGrow(t, got)
		if len(series) > 1 {
			wellFormed(t, chart.Compare(chart.Comparison{Starts: days, Interval: interval, Before: series[0], After: series[1]}))
			wellFormed(t, chart.Sparkline(chart.Spark{Values: series[0].Values}))
			bars := chart.Bars{Total: odd[random.IntN(len(odd))]}
			for _, v := range series[1].Values {
				bars.Rows = append(bars.Rows, chart.Bar{Value: v})
			}
			wellFormed(t, chart.HorizontalBars(bars))
		}
	}
}

var axisLabel = regexp.MustCompile(`<text class="([xy])[^"]*" x="([0-9.]+)%?" y="([0-9.]+)">`)

// ticksGrow fails the test unless the labels of each axis are in order.
func ticksGrow(t *testing.T, got template.HTML) {
	t.Helper()
	x, y := -1.0, math.Inf(1)
	for _, found := range axisLabel.FindAllStringSubmatch(string(got), -1) {
		at, err := strconv.ParseFloat(found[2], 64)
		require.NoError(t, err)
		up, err := strconv.ParseFloat(found[3], 64)
		require.NoError(t, err)
		if found[1] == "x" {
			require.Greater(t, at, x)
			x = at
			continue
		}
		require.Less(t, up, y)
		y = up
	}
}

func TestTicks(t *testing.T) {
	t.Parallel()
	labels := func(first string, n int) (all []string) {
		got := chart.Stacked(chart.Time{Starts: starts(parse(t, first), n), Interval: chart.IntervalDay})
		for _, found := range regexp.MustCompile(`<text class="x[^>]*>([^<]*)<`).FindAllStringSubmatch(string(got), -1) {
			all = append(all, found[1])
		}
		return all
	}
	require.Equal(t, []string{"28 Feb", "1 Mar", "2 Mar"}, labels("2026-02-28", 3))
	require.Equal(t, []string{"1 Jan", "8 Jan", "15 Jan", "22 Jan", "29 Jan"}, labels("2026-01-01", 31))
	require.Equal(t, []string{"Feb 2026", "Apr 2026", "Jun 2026", "Aug 2026", "Oct 2026", "Dec 2026"}, labels("2026-01-15", 365))
	require.Equal(t, []string{"2021", "2022", "2023", "2024", "2025"}, labels("2020-06-15", 2000))
	values := func(most float64) (all []string) {
		got := chart.Stacked(chart.Time{
			Starts: starts(0, 1), Interval: chart.IntervalDay, Series: []chart.Series{{Values: []float64{most}}},
		})
		for _, found := range regexp.MustCompile(`<text class="y[^>]*>([^<]*)<`).FindAllStringSubmatch(string(got), -1) {
			all = append(all, found[1])
		}
		return all
	}
	require.Equal(t, []string{"1"}, values(1))
	require.Equal(t, []string{"1", "2", "3"}, values(3))
	require.Equal(t, []string{"500", "1,000", "1,500", "2,000"}, values(2000))
	require.Equal(t, []string{"500", "1,000", "1,500", "2,000", "2,500"}, values(2001))
	require.Equal(t, []string{"1 M", "2 M", "3 M", "4 M"}, values(3_900_000))
	require.Empty(t, values(0))
}

// A row with more than 400 ranges shows neighbours of the same tone as one.
func TestMerged(t *testing.T) {
	t.Parallel()
	row := chart.TimelineRow{Label: "parts"}
	for i := range 1000 {
		tone := chart.ToneGood
		if i == 500 {
			tone = chart.ToneBad
		}
		row.Spans = append(row.Spans, chart.Span{Days: calendar.Range{First: calendar.Day(i), Last: calendar.Day(i)}, Tone: tone, Text: "part"})
	}
	got := chart.Gantt(chart.Timeline{Days: calendar.Range{First: 0, Last: 999}, Rows: []chart.TimelineRow{row}})
	require.Equal(t, 3, strings.Count(string(got), `<rect class="span`))
	require.Contains(t, got, "1970-01-01..1971-05-15: part, and 499 more")
	require.Contains(t, got, `class="span bad" x="500"`)
	wellFormed(t, got)
}

// Ranges that overlap are in lanes of their own, four at most.
func TestLanes(t *testing.T) {
	t.Parallel()
	days := func(from, to calendar.Day) chart.Span {
		return chart.Span{Days: calendar.Range{First: from, Last: to}, Tone: chart.ToneIdle, Text: "part"}
	}
	lanes := func(spans ...chart.Span) (all []string) {
		got := chart.Gantt(chart.Timeline{
			Days: calendar.Range{First: 0, Last: 99}, Rows: []chart.TimelineRow{{Label: "parts", Spans: spans}},
		})
		wellFormed(t, got)
		for _, found := range regexp.MustCompile(`<rect [^>]* y="([^"]+)"[^>]* height="([^"]+)"`).
			FindAllStringSubmatch(string(got), -1) {
			all = append(all, found[1]+" "+found[2])
		}
		return all
	}
	require.Equal(t, []string{"0 12", "0 12"}, lanes(days(0, 9), days(10, 19)))
	require.Equal(t, []string{"0 6", "6 6", "0 6"}, lanes(days(0, 9), days(5, 19), days(10, 19)))
	require.Equal(t, []string{"0 3", "3 3", "6 3", "9 3", "3 3"},
		lanes(days(0, 50), days(0, 10), days(0, 40), days(0, 30), days(0, 20)))
	require.Nil(t, lanes())
}

// The labels that a narrow page shows do not touch each other.
func TestNarrowTicks(t *testing.T) {
	t.Parallel()
	// The widths of the plot at 360 pixels and of a character.
	const width, char = 250.0, 7.0
	shown := regexp.MustCompile(`<text class="x( minor)?( first| last)?" x="([0-9.]+)%"[^>]*>([^<]*)<`)
	for _, n := range []int{1, 2, 9, 30, 61, 100, 121, 200, 245, 300, 366, 500, 731, 1000, 1200, 3000, 7000} {
		for _, first := range []string{"2026-01-01", "2025-12-20", "2026-02-07"} {
			got := chart.Gantt(chart.Timeline{Days: calendar.Range{
				First: parse(t, first), Last: parse(t, first) + calendar.Day(n-1),
			}})
			// A label in the middle of the first period begins left of the plot, in its margin of 16 pixels.
			end, labels := -16-char, 0
			for _, found := range shown.FindAllStringSubmatch(string(got), -1) {
				if found[1] != "" {
					continue
				}
				at, err := strconv.ParseFloat(found[3], 64)
				require.NoError(t, err)
				length := float64(len(found[4])) * char
				from := at/100*width - length/2
				switch found[2] {
				case " first":
					from += length / 2
				case " last":
					from -= length / 2
				}
				require.GreaterOrEqual(t, from, end+char, "%d days from %s: %s", n, first, found[4])
				end, labels = from+length, labels+1
			}
			require.Positive(t, labels)
		}
	}
}

// Whatever is in a text: it stays a text.
func FuzzTexts(f *testing.F) {
	f.Add("plain", "/imports/1")
	f.Add(`"><script>alert(1)</script>`, "javascript:alert(1)")
	f.Add("\x00\xff\u2028]]>&amp;", "//evil.example")
	f.Add(strings.Repeat("ä", 300), "/a\"b\nc")
	f.Fuzz(func(t *testing.T, label, href string) {
		day := calendar.Range{First: 1, Last: 5}
		for _, got := range []template.HTML{
			chart.Stacked(chart.Time{
				Title: label, Description: label, Starts: starts(1, 5), Interval: chart.Interval(label), Marks: []chart.Mark{{Label: label}},
				Series: []chart.Series{{Name: label, Href: href, Values: []float64{1, 2}}},
			}),
			chart.Compare(chart.Comparison{Title: label, Starts: starts(1, 5), Before: chart.Series{Name: label}, After: chart.Series{Name: label, Href: href}}),
			chart.Sparkline(chart.Spark{Title: label, Values: []float64{1}}),
			chart.HorizontalBars(chart.Bars{Title: label, Label: label, Value: label, Rows: []chart.Bar{{Label: label, Note: label, Href: href, Value: 1}}}),
			chart.Gantt(chart.Timeline{Title: label, Description: label, Days: day, Rows: []chart.TimelineRow{{
				Label: label, Note: label, Spans: []chart.Span{{Days: day, Tone: chart.Tone(label), Text: label, Href: href}},
			}}, States: []chart.TimelineState{{Tone: chart.Tone(label), Name: label}}}),
		} {
			wellFormed(t, got)
			for _, found := range regexp.MustCompile(`<a href="([^"]*)"`).FindAllStringSubmatch(string(got), -1) {
				require.True(t, strings.HasPrefix(found[1], "/") && !strings.HasPrefix(found[1], "//"), found[1])
			}
		}
	})
}

// TestGallery writes a page with all charts, to look at: testdata/gallery.html.
func TestGallery(t *testing.T) {
	t.Parallel()
	all := charts(t)
	var page strings.Builder
	page.WriteString("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>Charts</title>" +
		`<link rel="stylesheet" href="../../static/sluice.css"><link rel="stylesheet" href="../../static/charts.css"><main>` + "\n")
	for _, name := range []string{"stacked", "months", "few", "compare", "bars", "timeline", "sparkline", "empty"} {
		page.WriteString("<h2>" + name + "</h2>\n" + string(all[name]) + "\n")
	}
	page.WriteString("</main></html>")
	golden(t, "gallery", template.HTML(page.String()))
}
