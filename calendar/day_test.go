package calendar

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseDay(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Day{
		"1970-01-01": MinDay, "1970-01-02": 1, "2021-01-01": 18628, "2024-02-29": 19782, "2149-06-06": MaxDay,
	} {
		got, err := ParseDay(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
		require.Equal(t, text, got.String())
	}
	for text, why := range map[string]string{
		"": "is not a day", "2023-02-29": "is not a day", "2021-1-2": "is not a day", "2021-13-01": "is not a day",
		"01.02.2021": "is not a day", "2021-01-01T00:00:00Z": "is not a day", "2021-01-01Z": "is not a day",
		"1969-12-31": "is out of range: want 1970-01-01 to 2149-06-06", "2149-06-07": "is out of range", "0001-01-01": "is out of range",
		"9999-12-31": "is out of range",
	} {
		_, err := ParseDay(text)
		require.ErrorContains(t, err, why, text)
	}
}

// A day is that of the time's location, not of UTC.
func TestDayOf(t *testing.T) {
	t.Parallel()
	east, west := time.FixedZone("east", 14*3600), time.FixedZone("west", -11*3600)
	instant := time.Date(2021, time.January, 1, 10, 30, 0, 0, time.UTC)
	require.Equal(t, "2021-01-01", DayOf(instant).String())
	require.Equal(t, "2021-01-02", DayOf(instant.In(east)).String())
	require.Equal(t, "2020-12-31", DayOf(instant.In(west)).String())
	require.Equal(t, Day(-1), DayOf(time.Date(1969, time.December, 31, 23, 59, 0, 0, time.UTC)))
	require.Equal(t, time.Date(2021, time.January, 1, 0, 0, 0, 0, time.UTC), Day(18628).Time())
}

func TestDayJSON(t *testing.T) {
	t.Parallel()
	raw, err := json.Marshal(Range{First: 0, Last: 18628})
	require.NoError(t, err)
	require.JSONEq(t, `{"first": "1970-01-01", "last": "2021-01-01"}`, string(raw))
	var r Range
	require.NoError(t, json.Unmarshal(raw, &r))
	require.Equal(t, Range{First: 0, Last: 18628}, r)
	for _, bad := range []string{`{"first": 5}`, `{"first": "2021-02-30"}`, `{"first": "1900-01-01"}`, `{"first": ""}`} {
		require.Error(t, json.Unmarshal([]byte(bad), &r), bad)
	}
}

func FuzzParseDay(f *testing.F) {
	f.Add("2021-02-28")
	f.Add("2149-06-07")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDay(text)
		if err != nil {
			return
		}
		require.Equal(t, text, d.String())
		require.Equal(t, d, DayOf(d.Time()))
		require.True(t, MinDay <= d && d <= MaxDay)
	})
}
