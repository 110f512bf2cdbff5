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
		"0 3 * * *", "*/15 * * * *", "0,30 8-18 * * mon-fri", "5/10 0 1 JAN,jul *", "0 3 1-7 * 1", " 0  0 29 2 7 ",
		"0-30/10 */2 * * sun", "@daily", "@hourly", "@yearly", "@annually", "@monthly", "@weekly", "@midnight",
	} {
		require.NoError(t, cron.Check(expression), expression)
	}
}

func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		"":                       "is empty: want five fields, such as '0 3 * * *' for every day at 03:00",
		"0 3 * *":                `"0 3 * *" has 4 fields: want five: minute, hour, day, month, weekday`,
		"0 0 3 * * *":            `"0 0 3 * * *" has 6 fields: want five: minute, hour, day, month, weekday`,
		"@every 5m":              "uses @every: an interval is given by --every",
		"@fortnightly":           `"@fortnightly" is no macro: they are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly`,
		"TZ=UTC 0 3 * * *":       "names a time zone: that is given by --timezone",
		"CRON_TZ=UTC 0 3 * * *":  "names a time zone: that is given by --timezone",
		"0 3 * * * # nightly":    "holds a #: comments are not for here",
		"60 3 * * *":             `minute "60": "60": want 0 to 59, or * for all`,
		"0 24 * * *":             `hour "24": "24": want 0 to 23, or * for all`,
		"0 3 0 * *":              `day of the month "0": "0": want 1 to 31, or * for all`,
		"0 3 * 13 *":             `month "13": "13": want 1 to 12, or jan to dec`,
		"0 3 * * 8":              `day of the week "8": "8": want 0 to 7, or sun to sat`,
		"0 3 * * funday":         `day of the week "funday": "funday": want 0 to 7, or sun to sat`,
		"*/0 3 * * *":            `minute "*/0": the step behind / is "0": want 1 to 59`,
		"*/x 3 * * *":            `minute "*/x": the step behind / is "x": want 1 to 59`,
		"0 22-3 * * *":           `hour "22-3": 22-3 ends before it starts: write it as two ranges`,
		"-1 3 * * *":             `minute "-1": "": want 0 to 59, or * for all`,
		"0 +3 * * *":             `hour "+3": "+3": want 0 to 23, or * for all`,
		"0 3, * * *":             `hour "3,": "": want 0 to 23, or * for all`,
		"61 25 * * *":            "minute \"61\": \"61\": want 0 to 59, or * for all\nhour \"25\": \"25\": want 0 to 23, or * for all",
		strings.Repeat("1", 201): "has 201 bytes: at most 200 are allowed",
	} {
		t.Run(expression, func(t *testing.T) {
			t.Parallel()
			require.EqualError(t, cron.Check(expression), want)
		})
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
