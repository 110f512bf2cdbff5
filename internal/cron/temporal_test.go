package cron_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/cron"
)

func TestCheckAccepts(t *testing.T) {
	t.Parallel()
	for _, expression := range []string{
		"0 3 * * *", "*/15 * * * *", "0,30 8-18 * * mon-fri", "5/10 0 1 JAN,jul *", "0 3 1-7 * 1", "0 3 30 feb mon", " 0  0 29 2 7 ",
		"0-30/10 */2 * * sun", "@daily", "@hourly", "@yearly", "@annually", "@monthly", "@weekly", "@midnight",
	} {
		require.NoError(t, cron.Check(expression), expression)
	}
}

// What all errors about a field end in, and what stands in those about weekdays.
const (
	ranges   = ", with ranges as in 1-5, lists as in 1,3 and steps as in */2"
	weekdays = "want *, or 0 to 7 or sun to sat, 0 and 7 being Sunday"
)

func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		"":                       "is empty: want five fields, such as '0 3 * * *' for every day at 03:00",
		"0 3 * *":                `"0 3 * *" has 4 fields: want minute, hour, day of the month, month and day of the week`,
		"0 0 3 * * *":            `"0 0 3 * * *" has 6 fields: want minute, hour, day of the month, month and day of the week`,
		"@every 5m":              "contains @every: use --every for an interval",
		"@fortnightly":           `unknown descriptor "@fortnightly" (want @every, @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually or five cron fields)`,
		"TZ=UTC 0 3 * * *":       "contains a time zone: use --timezone",
		"CRON_TZ=UTC 0 3 * * *":  "contains a time zone: use --timezone",
		"0 3 * * * # nightly":    "contains a #: comments are not allowed",
		"60 3 * * *":             `field 1, the minute: invalid "60": want *, or 0 to 59` + ranges,
		"0 24 * * *":             `field 2, the hour: invalid "24": want *, or 0 to 23` + ranges,
		"0 3 0 * *":              `field 3, the day of the month: invalid "0": want *, or 1 to 31` + ranges,
		"0 3 * 13 *":             `field 4, the month: invalid "13": want *, or 1 to 12 or jan to dec` + ranges,
		"0 3 * * 8":              `field 5, the day of the week: invalid "8": ` + weekdays + ranges,
		"0 3 * * funday":         `field 5, the day of the week: invalid "funday": ` + weekdays + ranges,
		"0 3 * * \u017fun":       "field 5, the day of the week: invalid \"\u017fun\": " + weekdays + ranges,
		"*/0 3 * * *":            `field 1, the minute: invalid "*/0": want *, or 0 to 59` + ranges,
		"*/x 3 * * *":            `field 1, the minute: invalid "*/x": want *, or 0 to 59` + ranges,
		"0 22-3 * * *":           `field 2, the hour: invalid "22-3": want *, or 0 to 23` + ranges,
		"-1 3 * * *":             `field 1, the minute: invalid "-1": want *, or 0 to 59` + ranges,
		"0 +3 * * *":             `field 2, the hour: invalid "+3": want *, or 0 to 23` + ranges,
		"0 3, * * *":             `field 2, the hour: invalid "": want *, or 0 to 23` + ranges,
		"0 3 30 feb *":           `"0 3 30 feb *" never runs: none of its months has such a day`,
		"61 25 * * *":            `field 1, the minute: invalid "61": want *, or 0 to 59` + ranges + "\n" + `field 2, the hour: invalid "25": want *, or 0 to 23` + ranges,
		strings.Repeat("1", 201): "has 201 bytes: want at most 200",
	} {
		t.Run(expression, func(t *testing.T) {
			t.Parallel()
			require.EqualError(t, cron.Check(expression), want)
		})
	}
}

func TestCalendars(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string][]string{
		"0 3 * * *":       {"0 3 * * *"},
		" 0 3 1-7 * * ":   {"0 3 1-7 * *"},
		"0 3 */2 * mon":   {"0 3 */2 * mon"},
		"@weekly":         {"@weekly"},
		"0  3 1-7 * mon":  {"0 3 1-7 * *", "0 3 * * mon"},
		"0 3 1 feb 1,3,5": {"0 3 1 feb *", "0 3 * feb 1,3,5"},
	} {
		require.Equal(t, want, cron.Calendars(expression), expression)
	}
}

// Whatever is typed, there is an answer; what is accepted has five fields of known
// characters or is a macro.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{"0 3 * * *", "*/15 0-23/2 1,15 jan-mar MON", "@daily", "@every 5m", "", "0 3 * * 7 2026", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		err := cron.Check(text)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		require.NoError(t, cron.Check(strings.TrimSpace(text)))
		if strings.HasPrefix(strings.TrimSpace(text), "@") {
			return
		}
		require.Len(t, strings.Fields(text), 5)
		require.Empty(t, strings.Trim(strings.ToLower(strings.Join(strings.Fields(text), "")), "0123456789*/,-abcdefghijklmnopqrstuvwxyz"))
	})
}
