package outbound_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/outbound"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, "-5": 0, "soon": 0, "1.5": 0, "999999999999": outbound.MaxRetryAfter,
		now.Add(time.Hour).Format(http.TimeFormat):        time.Hour,
		now.Add(-time.Hour).Format(http.TimeFormat):       0,
		now.Add(48 * time.Hour).Format(http.TimeFormat):   outbound.MaxRetryAfter,
		now.Add(90 * time.Second).Format(time.RFC850):     90 * time.Second,
		"Sun, 01 Feb 2026 25:00:00 GMT":                   0,
		"9223372036854775807":                             outbound.MaxRetryAfter,
		"92233720368547758070000000000000000000000000000": 0,
	} {
		require.Equal(t, want, outbound.RetryAfter(text, now), text)
	}
}
