package importview_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/importview"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// Native data serve the imported days from the first native day on, whichever of both came first.
func TestSupersededDays(t *testing.T) {
	t.Parallel()
	imported := importstore.Import{
		Status: importstore.StatusCompleted, Days: calendar.NewSet(calendar.Range{First: 100, Last: 109}, calendar.Range{First: 120, Last: 129}),
	}
	for first, want := range map[calendar.Day]calendar.Set{
		130: nil,
		129: {{First: 129, Last: 129}},
		105: {{First: 105, Last: 109}, {First: 120, Last: 129}},
		50:  imported.Days,
	} {
		require.Equal(t, want, importview.SupersededDays(importstore.Summary{Import: imported, FirstEvent: &first}), first)
		require.Equal(t, want, importview.SupersededDays(importstore.Summary{Import: imported, NativeStart: &first}), first)
	}
	require.Empty(t, importview.SupersededDays(importstore.Summary{Import: imported}))
	first := calendar.Day(50)
	failed := imported
	failed.Status = importstore.StatusFailed
	require.Empty(t, importview.SupersededDays(importstore.Summary{Import: failed, FirstEvent: &first}))
}
