package openloop

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSchedule(t *testing.T) {
	t.Parallel()
	s := Schedule{Start: time.Unix(100, 0), Rate: 1000}
	require.Equal(t, time.Unix(100, 0), s.At(0))
	require.Equal(t, time.Unix(100, int64(time.Millisecond)), s.At(1))
	require.Equal(t, time.Unix(123, 0), s.At(23_000), "it does not drift")
	require.EqualValues(t, 3000, s.Within(3*time.Second))
	require.EqualValues(t, 0, s.Within(0))
	require.Equal(t, time.Unix(103, 0), Schedule{Start: s.Start, Rate: 1.0 / 3}.At(1))
}

func TestRun(t *testing.T) {
	t.Parallel()
	s := Schedule{Start: time.Now(), Rate: 10_000}
	var mu sync.Mutex
	var numbers []int64
	accepted, err := Run(t.Context(), s, 100, 7, func(_ context.Context, no int64) error {
		if time.Now().Before(s.At(no)) {
			return errors.New("too early")
		}
		mu.Lock()
		defer mu.Unlock()
		numbers = append(numbers, no)
		return nil
	})
	require.NoError(t, err)
	require.Len(t, accepted, 100)
	slices.Sort(numbers)
	for i, no := range numbers {
		require.EqualValues(t, i, no, "each once")
		require.GreaterOrEqual(t, accepted[i], time.Duration(0))
	}
}

// A system that makes its callers wait is late, and not the schedule.
func TestRunBehindTime(t *testing.T) {
	t.Parallel()
	s := Schedule{Start: time.Now().Add(-time.Hour), Rate: 1000}
	accepted, err := Run(t.Context(), s, 2, 1, func(context.Context, int64) error { return nil })
	require.NoError(t, err)
	for _, late := range accepted {
		require.Greater(t, late, 59*time.Minute)
	}
}

func TestRunStops(t *testing.T) {
	t.Parallel()
	full := errors.New("the disk is full")
	s := Schedule{Start: time.Now(), Rate: 1}
	_, err := Run(t.Context(), s, 1000, 3, func(context.Context, int64) error { return full })
	require.ErrorIs(t, err, full, "the others do not wait for their time")

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(full)
	_, err = Run(ctx, Schedule{Start: time.Now().Add(time.Hour), Rate: 1}, 1, 1, func(context.Context, int64) error {
		return nil
	})
	require.ErrorIs(t, err, full)
}
