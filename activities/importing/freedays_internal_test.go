package importing

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	importstore "github.com/sluicehq/sluice/store/importing"
)

func day(t *testing.T, text string) calendar.Day {
	t.Helper()
	d, err := calendar.ParseDay(text)
	require.NoError(t, err)
	return d
}

// ranges reads "FIRST..LAST, FIRST..LAST" or "none".
func ranges(t *testing.T, text string) []calendar.Range {
	t.Helper()
	if text == "none" {
		return nil
	}
	var all []calendar.Range
	for part := range strings.SplitSeq(text, ", ") {
		first, last, ok := strings.Cut(part, "..")
		require.True(t, ok, part)
		all = append(all, calendar.Range{First: day(t, first), Last: day(t, last)})
	}
	return all
}

func rangesText(set []calendar.Range) string {
	if len(set) == 0 {
		return "none"
	}
	return calendar.Set(set).String()
}

// longestGap is the rule of Plausible's own importer, of which the differences are reported:
// the longest gap between imports of three days and more, with the days at its edges.
func longestGap(asked calendar.Range, imports []calendar.Range, cutOff calendar.Day) []calendar.Range {
	const shortest = 2
	end := min(asked.Last, cutOff)
	if end-asked.First < shortest {
		return nil
	}
	var gaps []calendar.Range
	from := asked.First
	for _, r := range imports {
		if r.Last-r.First < shortest {
			continue
		}
		if r.First-from >= shortest {
			gaps = append(gaps, calendar.Range{First: from, Last: r.First})
		}
		from = max(from, r.Last)
	}
	if end-from >= shortest {
		gaps = append(gaps, calendar.Range{First: from, Last: end})
	}
	if len(gaps) == 0 {
		return nil
	}
	return []calendar.Range{slices.MaxFunc(gaps, func(a, b calendar.Range) int { return a.Days() - b.Days() })}
}

var documented = regexp.MustCompile(`(?m)^\| (\d{4}-\S+) \| ([^|]+) \| (\d{4}-\S+) \| ([^|]+) \| ([^|]+) \| (.+) \|$`)

// TestDocumentedDays: the table of the page about date ranges is true, on both sides.
func TestDocumentedDays(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/date-ranges.md")
	require.NoError(t, err)
	rows := documented.FindAllStringSubmatch(string(page), -1)
	require.Len(t, rows, 9)
	differences := 0
	for _, row := range rows {
		t.Run(row[1]+" "+row[6], func(t *testing.T) {
			t.Parallel()
			asked, before, cutOff := ranges(t, row[1])[0], ranges(t, row[2]), day(t, row[3])
			require.Equal(t, row[4], rangesText(longestGap(asked, before, cutOff)), "the old rule")
			require.Equal(t, row[5], rangesText(divide(calendar.NewSet(asked), calendar.NewSet(before...), cutOff).Free), "ours")
		})
		if row[4] != row[5] {
			differences++
		}
	}
	require.Equal(t, 6, differences)
}

// drawRange draws a range of days around a year.
func drawRange(t *rapid.T, name string) calendar.Range {
	first := rapid.IntRange(1000, 1400).Draw(t, name)
	return calendar.Range{
		First: calendar.Day(first), Last: calendar.Day(first + rapid.IntRange(0, 120).Draw(t, name+" length")),
	}
}

// For any request, each of its days is free, taken or late, and none is two of them;
// free are exactly those before the cut-off without a claim.
func TestDivide(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		asked := drawRange(t, "asked")
		var before []calendar.Range
		for range rapid.IntRange(0, 6).Draw(t, "imports") {
			before = append(before, drawRange(t, "import"))
		}
		occupied := calendar.NewSet(before...)
		cutOff := calendar.Day(rapid.IntRange(950, 1600).Draw(t, "cut-off"))
		got := divide(calendar.NewSet(asked), occupied, cutOff)
		for d := asked.First - 10; d <= asked.Last+10; d++ {
			inside := asked.Contains(d)
			require.Equal(t, inside && d < cutOff && !occupied.Contains(d), got.Free.Contains(d), "%s is free", d)
			require.Equal(t, inside && d < cutOff && occupied.Contains(d), got.Taken.Contains(d), "%s is taken", d)
			require.Equal(t, inside && d >= cutOff, got.Late.Contains(d), "%s is late", d)
		}
		require.Equal(t, asked.Days(), got.Free.Days()+got.Taken.Days()+got.Late.Days())
		require.Equal(t, calendar.NewSet(got.Free...), got.Free, "gaps are in order, and none touches another")
	})
}

// Imports that follow each other, whatever they ask for, bring no day in twice, and leave no
// day out that one of them requested.
func TestDivideAgainAndAgain(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cutOff := calendar.Day(rapid.IntRange(1100, 1500).Draw(t, "cut-off"))
		var imported, wanted calendar.Set
		days := 0
		for range rapid.IntRange(1, 8).Draw(t, "imports") {
			asked := drawRange(t, "asked")
			free := divide(calendar.NewSet(asked), imported, cutOff).Free
			imported, wanted = imported.Union(free), wanted.Union(calendar.NewSet(asked))
			days += free.Days()
			require.Empty(t, divide(calendar.NewSet(asked), imported, cutOff).Free, "requested again it has nothing left")
		}
		require.Equal(t, days, imported.Days(), "no day twice")
		behind := calendar.NewSet(calendar.Range{First: cutOff, Last: calendar.MaxDay})
		require.Equal(t, wanted.Minus(behind), imported)
	})
}

// Where a site has no native data, today in its own time zone is the last day.
func TestCutOff(t *testing.T) {
	t.Parallel()
	native, before := day(t, "2023-10-25"), day(t, "2023-10-20")
	now := time.Date(2024, time.February, 28, 23, 30, 0, 0, time.UTC)
	l := &Lifecycle{Now: func() time.Time { return now }}
	for name, tc := range map[string]struct {
		site      importstore.Site
		want, why string
	}{
		"native data": {
			importstore.Site{TimeZone: "Asia/Tokyo", NativeStart: &native}, "2023-10-25", "the first day with native data",
		},
		"events": {
			importstore.Site{TimeZone: "Asia/Tokyo", FirstEvent: &native}, "2023-10-25", "the first day with native data",
		},
		"events before the operator's day": {
			importstore.Site{TimeZone: "Asia/Tokyo", NativeStart: &native, FirstEvent: &before},
			"2023-10-25",
			"the first day with native data",
		},
		"in UTC":    {importstore.Site{TimeZone: "UTC"}, "2024-02-29", "the day after today in UTC"},
		"a day on":  {importstore.Site{TimeZone: "Asia/Tokyo"}, "2024-03-01", "the day after today in Asia/Tokyo"},
		"same date": {importstore.Site{TimeZone: "America/New_York"}, "2024-02-29", "the day after today in America/New_York"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, why, err := l.cutOff(tc.site)
			require.NoError(t, err)
			require.Equal(t, tc.want, got.String())
			require.Equal(t, tc.why, why)
		})
	}
	_, _, err := l.cutOff(importstore.Site{Domain: "example.com", TimeZone: "Mars/Olympus"})
	require.ErrorContains(t, err, "site example.com: unknown time zone Mars/Olympus")
	class, permanent := importers.ClassOf(err)
	require.True(t, permanent)
	require.Equal(t, importers.ClassInternal, class)
}
