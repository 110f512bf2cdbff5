package cron_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/cron"
)

func TestNext(t *testing.T) {
	t.Parallel()
	const layout = "2006-01-02T15:04:05Z07:00"
	for name, test := range map[string]struct {
		text, zone, after string
		want              []string
	}{
		"every":        {"@every 90m", "", "2026-01-01T00:10:30Z", []string{"2026-01-01T01:40:30Z", "2026-01-01T03:10:30Z"}},
		"hourly":       {"@hourly", "", "2026-01-01T00:10:30Z", []string{"2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"}},
		"midnight too": {"@midnight", "", "2026-01-01T00:10:30Z", []string{"2026-01-02T00:00:00Z"}},
		"annually":     {"@annually", "", "2026-01-01T00:00:00Z", []string{"2027-01-01T00:00:00Z"}},
		"yearly":       {"@yearly", "", "2026-01-01T00:00:00Z", []string{"2027-01-01T00:00:00Z"}},
		"quarters":     {"*/15 * * * *", "", "2026-01-01T00:15:00Z", []string{"2026-01-01T00:30:00Z", "2026-01-01T00:45:00Z", "2026-01-01T01:00:00Z"}},
		"list":         {"5,50 9-10 * * *", "", "2026-01-01T00:00:00Z", []string{"2026-01-01T09:05:00Z", "2026-01-01T09:50:00Z", "2026-01-01T10:05:00Z", "2026-01-01T10:50:00Z", "2026-01-02T09:05:00Z"}},
		"names":        {"0 0 * feb mon", "", "2026-01-01T00:00:00Z", []string{"2026-02-02T00:00:00Z", "2026-02-09T00:00:00Z"}},
		// Every Monday, and the first seven days of the month.
		"monday or":  {"0 3 1-3 * mon", "", "2026-01-02T12:00:00Z", []string{"2026-01-03T03:00:00Z", "2026-01-05T03:00:00Z", "2026-01-12T03:00:00Z"}},
		"odd monday": {"0 3 */2 * mon", "", "2026-01-01T00:00:00Z", []string{"2026-01-05T03:00:00Z", "2026-01-19T03:00:00Z", "2026-02-09T03:00:00Z"}},
		"either day": {"0 0 13 * fri", "", "2026-01-01T00:00:00Z", []string{"2026-01-02T00:00:00Z", "2026-01-09T00:00:00Z", "2026-01-13T00:00:00Z"}},
		"leap day":   {"0 12 29 2 *", "", "2026-01-01T00:00:00Z", []string{"2028-02-29T12:00:00Z", "2032-02-29T12:00:00Z"}},
		// Both must match if one field begins with *. The rarest days recur after 12, 28 and 40 years.
		"rare first":   {"0 0 */31 2 wed", "", "2006-02-01T00:00:00Z", []string{"2012-02-01T00:00:00Z", "2017-02-01T00:00:00Z", "2023-02-01T00:00:00Z", "2034-02-01T00:00:00Z"}},
		"around 2100":  {"0 0 */31 1 wed", "", "2098-01-01T00:00:00Z", []string{"2110-01-01T00:00:00Z"}},
		"leap Sunday":  {"0 0 29 2 */7", "", "2004-02-29T00:00:00Z", []string{"2032-02-29T00:00:00Z", "2060-02-29T00:00:00Z", "2088-02-29T00:00:00Z", "2128-02-29T00:00:00Z"}},
		"end of year":  {"59 23 31 12 *", "", "2026-12-31T23:59:00Z", []string{"2027-12-31T23:59:00Z"}},
		"zone":         {"0 3 * * *", "Asia/Kolkata", "2026-01-01T00:00:00Z", []string{"2026-01-01T21:30:00Z"}},
		"midnight":     {"0 0 * * *", "America/Sao_Paulo", "2026-01-01T12:00:00Z", []string{"2026-01-02T03:00:00Z"}},
		"after counts": {"0 3 * * *", "", "2026-01-01T03:00:00Z", []string{"2026-01-02T03:00:00Z"}},

		// 2026-03-29, 02:00 to 03:00, is not there in Berlin.
		"forward, daily":      {"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", []string{"2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
		"forward, hourly":     {"0 * * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", []string{"2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"}},
		"forward, not hit":    {"0 4 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", []string{"2026-03-29T02:00:00Z", "2026-03-30T02:00:00Z"}},
		"forward, by quarter": {"*/15 * * * *", "Europe/Berlin", "2026-03-29T00:45:00Z", []string{"2026-03-29T01:00:00Z", "2026-03-29T01:15:00Z"}},
		// 2026-10-25, 02:00 to 03:00, is there twice.
		"back, daily":   {"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", []string{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
		"back, not hit": {"0 4 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", []string{"2026-10-25T03:00:00Z", "2026-10-26T03:00:00Z"}},
		// The other hemisphere.
		"forward, Sydney": {"30 2 * * *", "Australia/Sydney", "2026-10-03T00:00:00Z", []string{"2026-10-03T16:00:00Z", "2026-10-04T15:30:00Z"}},
		// Half an hour is missing, then there twice.
		"forward, Lord Howe": {"15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", []string{"2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"}},
		"back, Lord Howe":    {"45 1 * * *", "Australia/Lord_Howe", "2026-04-03T20:00:00Z", []string{"2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"}},
		// There was no midnight, and no day.
		"no midnight":               {"0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00Z", []string{"2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"}},
		"no day":                    {"0 12 30 12 *", "Pacific/Apia", "2010-12-31T12:00:00Z", []string{"2011-12-30T10:00:00Z", "2012-12-29T22:00:00Z"}},
		"every minute, no midnight": {"* * * * *", "America/Sao_Paulo", "2018-11-04T02:58:30Z", []string{"2018-11-04T02:59:00Z", "2018-11-04T03:00:00Z", "2018-11-04T03:01:00Z"}},
		"Sunday is 7":               {"0 0 * * 7", "", "2026-01-01T00:00:00Z", []string{"2026-01-04T00:00:00Z"}},
		"to Sunday":                 {"0 0 * * 6-7", "", "2026-01-01T00:00:00Z", []string{"2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z", "2026-01-10T00:00:00Z"}},
		"from on":                   {"50/5 9 * * *", "", "2026-01-01T00:00:00Z", []string{"2026-01-01T09:50:00Z", "2026-01-01T09:55:00Z", "2026-01-02T09:50:00Z"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := cron.Parse(test.text, test.zone)
			require.NoError(t, err)
			at, err := time.Parse(layout, test.after)
			require.NoError(t, err)
			var got []string
			for range test.want {
				at = s.Next(at)
				got = append(got, at.Format(layout))
			}
			require.Equal(t, test.want, got)
		})
	}
}

// Every quarter of an hour comes, also in the hour that comes twice, and none twice.
func TestBackByQuarter(t *testing.T) {
	t.Parallel()
	s, err := cron.Parse("*/15 * * * *", "Europe/Berlin")
	require.NoError(t, err)
	at := time.Date(2026, 10, 24, 23, 45, 0, 0, time.UTC)
	for range 13 {
		next := s.Next(at)
		require.True(t, next.After(at))
		require.Equal(t, 15*time.Minute, next.Sub(at))
		at = next
	}
	require.False(t, at.Before(time.Date(2026, 10, 25, 3, 0, 0, 0, time.UTC)))
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, zone, want string }{
		{"", "", "is empty: want five fields"},
		{"* * * *", "", `"* * * *" has 4 fields: want minute, hour, day of the month, month and day of the week`},
		{"0 * * * * *", "", "has 6 fields"},
		{"60 * * * *", "", `field 1, the minute: invalid "60": want *, or 0 to 59`},
		{"* 24 * * *", "", `field 2, the hour: invalid "24"`},
		{"* * 0 * *", "", `field 3, the day of the month: invalid "0"`},
		{"* * * 13 *", "", `field 4, the month: invalid "13"`},
		{"* * * * 8", "", `field 5, the day of the week: invalid "8"`},
		{"* * * * mo", "", `field 5, the day of the week: invalid "mo"`},
		{"5-1 * * * *", "", `field 1, the minute: invalid "5-1"`},
		{"*/0 * * * *", "", `field 1, the minute: invalid "*/0"`},
		{"* * 30 2 *", "", `"* * 30 2 *" never runs: none of its months has such a day`},
		{"* * 31 2,4,6,9,11 */2", "", `"* * 31 2,4,6,9,11 */2" never runs`},
		{"TZ=UTC * * * *", "", "contains a time zone: use --timezone"},
		{"CRON_TZ= * * * *", "", "contains a time zone"},
		{"0 3 * * * # nightly", "", "contains a #"},
		{"1,,2 * * * *", "", `field 1, the minute: invalid ""`},
		{"1-2-3 * * * *", "", `field 1, the minute: invalid "1-2-3"`},
		{"+1 * * * *", "", `field 1, the minute: invalid "+1"`},
		{"*/60 * * * *", "", `field 1, the minute: invalid "*/60"`},
		{"99999999999999999999 * * * *", "", "field 1"},
		{"1,60 * * * *", "", `field 1, the minute: invalid "60"`},
		{strings.Repeat("1,", 100) + "1 * * * *", "", "has 209 bytes: want at most 200"},
		{"H * * * *", "", "field 1"},
		{"* * L * *", "", "field 3"},
		{"@every", "", `@every: "" is not a duration`},
		{"@every soon", "", `@every: "soon" is not a duration: want one such as 90s or 1h30m`},
		{"@every 10ms", "", "@every: 10ms is out of range: want 1s to 8784h0m0s"},
		{"@every -1h", "", "out of range"},
		{"@reboot", "", `unknown descriptor "@reboot" (want @every, @hourly, `},
		{"60 24 * * *", "", "\nfield 2, the hour"},
		{"@hourly", "Mars/Olympus", `"Mars/Olympus" is not a time zone: want a name such as Europe/Berlin`},
		{"@hourly", "Local", `"Local" is not a time zone`},
	} {
		_, err := cron.Parse(test.text, test.zone)
		require.ErrorContains(t, err, test.want, test.text)
	}
}

// FuzzParse: nothing makes the parser panic, and what it takes has a next moment that lies
// in the future, always.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"@every 1h", "*/15 * * * *", "0 0 29 2 *", "5,50 9-10/2 * jan-mar mon", "@daily", "TZ=", "@every 1ns", "0 0 31 4 *",
		"*-* * * * *", "? ? ? ? ?", "1-", "-1 * * * *", "99999999999 * * * *", "CRON_TZ=UTC 1 2 3 4 5", "1,,2 * * * *",
	} {
		f.Add(text, "Europe/Berlin", int64(1_774_746_000))
	}
	f.Fuzz(func(t *testing.T, text, zone string, at int64) {
		s, err := cron.Parse(text, zone)
		if err != nil {
			return
		}
		after := time.Unix(at%(1<<33), 0)
		for range 3 {
			next := s.Next(after)
			if !next.After(after) {
				t.Fatalf("%q in %q: %s comes after %s", text, zone, next, after)
			}
			after = next
		}
	})
}
