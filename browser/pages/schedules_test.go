package pages_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/browser/browsertest"
)

// A nightly schedule is created by the time of its runs. Its next runs are shown in the time zone of the reader.
func TestNightlySchedule(t *testing.T) {
	s := setup(t)
	// The reader is in a zone of half hours, and the site in another one.
	reader, err := time.LoadLocation("Asia/Kolkata")
	require.NoError(t, err)
	rome, err := time.LoadLocation("Europe/Rome")
	require.NoError(t, err)
	atWidths(t, func(t *testing.T, width int64) {
		t.Helper()
		site, name := s.site(t), fmt.Sprintf("nightly-%d", width)
		r := s.administrator(t, width)
		r.Zone(reader.String())
		r.open("Schedules")
		r.click("New schedule")
		r.choose("Site", site)
		r.choose("Source", "No operation")
		r.click("Continue")
		r.choose("Name", name)
		r.choose("Every day at", "03:30")
		r.choose("Time zone of the times of day", rome.String())
		r.click("Create schedule")
		r.awaitText("Next runs")
		require.Equal(t, "/schedules/"+name, r.path())
		r.shoot("schedule")

		stored, err := s.Store.Imports.Schedule(t.Context(), name)
		require.NoError(t, err)
		require.Contains(t, string(stored.Definition), "30 3 * * *")
		shown := get[struct {
			Cron     string
			TimeZone string `json:"time_zone"`
			Site     string
			Next     []time.Time
		}](t, s, "/schedules/"+name)
		require.Equal(t, "30 3 * * *", shown.Cron)
		require.Equal(t, rome.String(), shown.TimeZone)
		require.Equal(t, site, shown.Site)
		require.Len(t, shown.Next, 5)
		times := browsertest.Evaluate[[]string](r.Tab, `[...document.querySelectorAll("#schedule-state time:not(.ago)")].map(
			(e) => e.textContent)`)
		hovers := browsertest.Evaluate[[]string](r.Tab, `[...document.querySelectorAll("#schedule-state time:not(.ago)")].map(
			(e) => e.title)`)
		for i, at := range shown.Next {
			require.Equal(t, "03:30", at.In(rome).Format("15:04"))
			require.Equal(t, at.In(reader).Format("01/02/2006, 03:04 PM"), times[i])
			require.Equal(t, at.UTC().Format(time.DateTime)+" UTC", hovers[i])
		}
		r.open("Schedules")
		r.awaitText(name)
		r.awaitText("30 3 * * * Europe/Rome")
		r.requireNoFaults()
	})
}
