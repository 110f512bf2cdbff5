package jobsbench

import (
	"slices"
	"time"

	"github.com/sluicehq/sluice/bench/sink"
)

// Spread is how delays are spread, in milliseconds.
type Spread struct {
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
}

// spreadOf sums delays up. It sorts them.
func spreadOf(delays []time.Duration) Spread {
	if len(delays) == 0 {
		return Spread{}
	}
	slices.Sort(delays)
	return Spread{
		P50: milliseconds(percentile(delays, 50)), P99: milliseconds(percentile(delays, 99)),
		Max: milliseconds(delays[len(delays)-1]),
	}
}

// percentile is the least of sorted delays that so many per cent of them do not exceed
// (nearest rank).
func percentile(sorted []time.Duration, percent int) time.Duration {
	rank := (len(sorted)*percent + 99) / 100
	return sorted[max(rank, 1)-1]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// delaysOf returns how long after its time each of the jobs came that count, and how many of
// them came. One that did not come by the end counts as if it had come then. The sink knows
// the first one by another number.
func delaysOf(
	s schedule, first, jobs int64, counts func(no int64) bool, arrivals []sink.Arrival, end time.Time,
) (delays []time.Duration, came int) {
	at := make(map[int64]time.Time, len(arrivals))
	for _, a := range arrivals {
		at[a.No-first] = time.Unix(0, a.At)
	}
	for no := range jobs {
		if !counts(no) {
			continue
		}
		when, has := at[no]
		if has {
			came++
		} else {
			when = end
		}
		// The clocks of two processes are read: not monotonic, and on one machine.
		delays = append(delays, when.Round(0).Sub(s.at(no).Round(0)))
	}
	return delays, came
}
