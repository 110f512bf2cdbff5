package jobsbench

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
	s := schedule{start: time.Unix(100, 0), rate: 1000}
	require.Equal(t, time.Unix(100, 0), s.at(0))
	require.Equal(t, time.Unix(100, int64(time.Millisecond)), s.at(1))
	require.Equal(t, time.Unix(123, 0), s.at(23_000), "it does not drift")
	require.EqualValues(t, 3000, s.within(3*time.Second))
	require.EqualValues(t, 0, s.within(0))
	require.Equal(t, time.Unix(103, 0), schedule{start: s.start, rate: 1.0 / 3}.at(1))
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	s := schedule{start: time.Now(), rate: 10_000}
	var mu sync.Mutex
	var numbers []int64
	accepted, err := generate(t.Context(), s, 100, 7, func(_ context.Context, no int64) error {
		if time.Now().Before(s.at(no)) {
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
func TestGenerateBehindTime(t *testing.T) {
	t.Parallel()
	s := schedule{start: time.Now().Add(-time.Hour), rate: 1000}
	accepted, err := generate(t.Context(), s, 2, 1, func(context.Context, int64) error { return nil })
	require.NoError(t, err)
	for _, late := range accepted {
		require.Greater(t, late, 59*time.Minute)
	}
}

func TestGenerateStops(t *testing.T) {
	t.Parallel()
	full := errors.New("the disk is full")
	s := schedule{start: time.Now(), rate: 1}
	_, err := generate(t.Context(), s, 1000, 3, func(context.Context, int64) error { return full })
	require.ErrorIs(t, err, full, "the others do not wait for their time")

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(full)
	_, err = generate(ctx, schedule{start: time.Now().Add(time.Hour), rate: 1}, 1, 1, func(context.Context, int64) error {
		return nil
	})
	require.ErrorIs(t, err, full)
}
