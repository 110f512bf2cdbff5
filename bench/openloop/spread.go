package openloop

import (
	"slices"
	"time"
)

// Spread is how delays are spread, in milliseconds.
type Spread struct {
	P50 float64 `json:"p50_ms"`
	P95 float64 `json:"p95_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
}

// SpreadOf sums delays up. It sorts them.
func SpreadOf(delays []time.Duration) Spread {
	if len(delays) == 0 {
		return Spread{}
	}
	slices.Sort(delays)
	return Spread{
		P50: Milliseconds(percentile(delays, 50)), P95: Milliseconds(percentile(delays, 95)),
		P99: Milliseconds(percentile(delays, 99)), Max: Milliseconds(delays[len(delays)-1]),
	}
}

// percentile is the least of sorted delays that so many per cent of them do not exceed
// (nearest rank).
func percentile(sorted []time.Duration, percent int) time.Duration {
	rank := (len(sorted)*percent + 99) / 100
	return sorted[max(rank, 1)-1]
}

// Milliseconds is a duration in milliseconds.
func Milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
