package calendar

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDaySQL(t *testing.T) {
	t.Parallel()
	value, err := Day(18628).Value()
	require.NoError(t, err)
	require.Equal(t, time.Date(2021, time.January, 1, 0, 0, 0, 0, time.UTC), value)
	for _, src := range []any{value, "2021-01-01"} {
		var d Day
		require.NoError(t, d.Scan(src))
		require.Equal(t, Day(18628), d)
	}
	for _, src := range []any{nil, 5, "yesterday"} {
		d := Day(7)
		require.Error(t, d.Scan(src))
		require.Equal(t, Day(7), d, "not changed")
	}
}
