package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/enginetest"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// Of days that are partly there already only the free ones are imported, all of
// them, and the log says what was left out.
func TestOnlyFreeDaysAreImported(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	s.StartWorker(t)
	days := func(first, last string, rows int) importstore.Import {
		return s.noop(site, fmt.Sprintf(`{"rows": %d, "start_date": %q, "end_date": %q}`, rows, first, last))
	}
	s.end(days("2021-01-05", "2021-01-08", 40), importstore.StatusCompleted)
	s.end(days("2021-01-20", "2021-01-20", 10), importstore.StatusCompleted)
	failed := s.noop(site, `{"rows": 10, "start_date": "2021-01-25", "end_date": "2021-01-26", "fail": "finalize", "permanent": true}`)
	s.end(failed, importstore.StatusFailed)

	last := s.end(days("2021-01-01", "2021-01-31", 310), importstore.StatusCompleted)
	require.EqualValues(t, 310, last.RowsRead)
	require.EqualValues(t, 260, last.RowsLoaded)
	require.EqualValues(t, 50, last.RowsLeftOut)
	require.Equal(t, "2021-01-01..2021-01-04, 2021-01-09..2021-01-19, 2021-01-21..2021-01-31", last.Import.Days.String())
	require.Contains(t, s.feedback(last.Import.ID),
		"warn: Left out 2021-01-05..2021-01-08, 2021-01-20..2021-01-20: imported before, by import 1, import 2.")
	require.Contains(t, s.feedback(last.Import.ID),
		"info: Importing 2021-01-01..2021-01-04, 2021-01-09..2021-01-19, 2021-01-21..2021-01-31.")

	counts, err := visibleDays(enginetest.Context(t), s.clickhouseConn(), last.Import.SiteID)
	require.NoError(t, err)
	require.Len(t, counts, 31)
	first, err := calendar.ParseDay("2021-01-01")
	require.NoError(t, err)
	for i := range calendar.Day(31) {
		require.EqualValues(t, 10, counts[(first+i).String()], first+i)
	}
}

// Days that native data cover are not imported either.
func TestNativeDaysAreLeftOut(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	native, err := calendar.ParseDay("2021-01-11")
	require.NoError(t, err)
	_, err = s.Store.Imports.AddSite(enginetest.Context(t), importstore.NewSite{
		Domain: "native.example", TimeZone: "Europe/Berlin", NativeStart: &native,
	})
	require.NoError(t, err)
	s.StartWorker(t)
	last := s.end(s.noop("native.example", `{"rows": 310}`), importstore.StatusCompleted)
	require.EqualValues(t, 100, last.RowsLoaded)
	require.EqualValues(t, 210, last.RowsLeftOut)
	require.Contains(t, s.feedback(last.Import.ID),
		"warn: Left out 2021-01-11..2021-01-31: imports end before 2021-01-11, the first day with native data.")
}
