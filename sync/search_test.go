package sync_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/sync"
)

// validator is a target that accepts every record, and rejects some of them later. It is a reader of the same
// records, too.
type validator struct {
	// bad has how many errors a record gives; gone are records that do not exist any more.
	bad  map[string]int
	gone map[string]bool
	// refused are records that are refused at once.
	refused map[string]bool
	errors  []sync.LateError
	writes  int
	failing int
}

func (v *validator) Account() string { return "validator" }

func (v *validator) Settle() time.Duration { return time.Second }

const errorLimit = 100

func (v *validator) LateErrors(context.Context) (latest []sync.LateError, limit int, err error) {
	return slices.Clone(v.errors), errorLimit, nil
}

func (v *validator) Fetch(_ context.Context, _, key string) (sync.Page, error) {
	if v.gone[key] {
		return sync.Page{}, nil
	}
	return sync.Page{Records: []sync.Record{{Key: key, Data: json.RawMessage(fmt.Sprintf(`{"key":%q,"version":1}`, key))}}}, nil
}

func (v *validator) Write(_ context.Context, records []json.RawMessage) ([]sync.Outcome, error) {
	v.writes++
	outcomes := make([]sync.Outcome, len(records))
	if v.failing > 0 {
		v.failing--
		for i := range outcomes {
			outcomes[i].State = sync.StateUnsent
		}
		return outcomes, &sync.Error{Class: sync.ClassUnavailable, Err: errors.New("503")}
	}
	for i, r := range records {
		var record version
		if err := json.Unmarshal(r, &record); err != nil {
			return outcomes, err
		}
		outcomes[i].State = sync.StateDelivered
		if v.refused[record.Key] {
			outcomes[i] = sync.Outcome{State: sync.StateRejected, Reason: "refused"}
			continue
		}
		for range v.bad[record.Key] {
			// Each error has a place of its own, as long as the list tells them apart.
			v.errors = append([]sync.LateError{{Message: "not a valid value", Path: fmt.Sprint("write ", v.writes, i)}}, v.errors...)
		}
		v.errors = v.errors[:min(len(v.errors), errorLimit)]
	}
	return outcomes, nil
}

// search is a search in so many records.
func search(v *validator, keys int) *sync.Search {
	s := &sync.Search{
		Fetcher: v, Writer: v, Mapping: mapping(), List: "list", Wait: noWait,
		Save: func(context.Context, sync.SearchState, []sync.Reject) error { return nil },
	}
	for i := range keys {
		s.Keys = append(s.Keys, fmt.Sprint("k", i))
	}
	return s
}

// Whatever the rejected records and the interruptions, the search finds them and no other, with few requests.
func TestSearch(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.IntRange(0, 100).Draw(rt, "size")
		v := &validator{bad: map[string]int{}, gone: map[string]bool{}, refused: map[string]bool{}}
		var want []string
		for range rapid.IntRange(0, 6).Draw(rt, "rejected") {
			key := fmt.Sprint("k", rapid.IntRange(0, max(size-1, 0)).Draw(rt, "key"))
			if size == 0 || slices.Contains(want, key) {
				continue
			}
			want = append(want, key)
			if v.bad[key] = rapid.IntRange(1, 2).Draw(rt, "errors"); v.bad[key] == 2 {
				v.bad[key], v.refused[key] = 0, true
			}
		}
		if size > 3 && !slices.Contains(want, "k2") {
			v.gone["k2"] = true
		}
		interruptions := rapid.SliceOfN(rapid.IntRange(1, 9), 0, 3).Draw(rt, "interruptions")
		var state sync.SearchState
		var found []string
		for done := false; !done; {
			stop := 0
			if len(interruptions) > 0 {
				stop, interruptions = interruptions[0], interruptions[1:]
			}
			s := search(v, size)
			s.State = state
			s.Save = func(_ context.Context, now sync.SearchState, rejects []sync.Reject) error {
				stop--
				if stop == 0 {
					return errLost
				}
				text, err := json.Marshal(now)
				require.NoError(rt, err)
				state = sync.SearchState{}
				require.NoError(rt, json.Unmarshal(text, &state), "it is stored")
				for _, r := range rejects {
					require.NotEmpty(rt, r.Reason)
					found = append(found, r.Key)
				}
				return nil
			}
			err := s.Do(context.Background())
			if err != nil {
				require.ErrorIs(rt, err, errLost)
				v.errors = nil
			}
			done = err == nil
		}
		require.ElementsMatch(rt, want, found)
		require.True(rt, state.Done)
		require.LessOrEqual(rt, state.Probes, 1+8*max(len(want), 1))
	})
}

func TestSearchFaults(t *testing.T) {
	t.Parallel()
	v := &validator{bad: map[string]int{"k7": 1}, failing: 3}
	var reasons []string
	s := search(v, 20)
	s.Save = func(_ context.Context, _ sync.SearchState, found []sync.Reject) error {
		for _, r := range found {
			reasons = append(reasons, r.Key+": "+r.Reason)
		}
		return nil
	}
	require.NoError(t, s.Do(t.Context()), "the target is not reachable for a while")
	require.Len(t, reasons, 1)
	require.Contains(t, reasons[0], "k7: accepted, and rejected later: not a valid value at write ")

	// Equal errors in a full list cannot be distinguished.
	v = &validator{bad: map[string]int{}, errors: slices.Repeat(lateErrors("root"), errorLimit)}
	err := search(v, 20).Do(t.Context())
	require.ErrorContains(t, err, "the target lists its latest 100 errors only, and new ones cannot be distinguished from them")
	require.Equal(t, sync.ClassPermanent, sync.ClassOf(err))

	// The requests are bounded.
	s = search(&validator{}, 20)
	s.State = sync.SearchState{Begun: true, Probes: sync.MaxProbes, Found: []int{3}, Open: []sync.SearchGroup{{From: 0, To: 9, Errors: 1}}}
	require.ErrorContains(t, s.Do(t.Context()), "the search has sent records 200 times and found 1: the rest was not searched")

	s = search(&validator{}, 20)
	s.Writer = &target{}
	require.ErrorContains(t, s.Do(t.Context()), "the target has no later validation")
}
