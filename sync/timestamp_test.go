package sync_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/sync"
)

func TestParseTimestamp(t *testing.T) {
	t.Parallel()
	want := time.Date(2019, 10, 18, 22, 20, 23, 0, time.UTC)
	for _, text := range []string{
		"2019-10-18T22:20:23", "2019-10-18 22:20:23", "2019-10-18T22:20:23Z", "2019-10-19T00:20:23+02:00",
		"2019-10-18T22:20:23.987", "2019-10-18T22:20:23.987Z",
	} {
		got, err := sync.ParseTimestamp(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "null", "yesterday", "2019-10-18", "0001-01-01T00:00:00", "2019-13-01T00:00:00"} {
		_, err := sync.ParseTimestamp(text)
		require.ErrorContains(t, err, "want a UTC time such as 2019-10-18T22:20:23", text)
	}
}
