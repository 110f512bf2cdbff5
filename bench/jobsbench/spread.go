package jobsbench

import (
	"time"

	"github.com/sluicehq/sluice/bench/openloop"
	"github.com/sluicehq/sluice/bench/sink"
)

// delaysOf returns how long after its time each of the jobs came that count, and how many of
// them came. One that did not come by the end counts as if it had come then. The sink knows
// the first one by another number.
func delaysOf(
	s openloop.Schedule, first, jobs int64, counts func(no int64) bool, arrivals []sink.Arrival, end time.Time,
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
		delays = append(delays, when.Round(0).Sub(s.At(no).Round(0)))
	}
	return delays, came
}
