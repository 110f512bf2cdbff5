package sync_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	stdsync "sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/sync"
)

// history checks the checkpoints of a run as they are stored.
type history struct {
	t      require.TestingT
	source *source
	target *target
	cursor sync.Cursor
	counts sync.Counts
	done   bool
	// rejected has the reasons by key.
	rejected map[string]sync.Reject
	// failAt is the number of the page whose checkpoint fails, counted down; 0 is never.
	failAt int
	// intended are the keys of records that may be written.
	intended map[string]bool
}

var errLost = errors.New("the store is away")

func (h *history) intend(_ context.Context, pages []sync.Page) error {
	h.target.mu.Lock()
	defer h.target.mu.Unlock()
	for _, p := range pages {
		for _, r := range p.Records {
			h.intended[r.Key] = true
		}
	}
	return nil
}

func (h *history) storeAll(_ context.Context, pages []sync.Checkpoint) error {
	require.NotEmpty(h.t, pages)
	if h.failAt > 0 {
		if h.failAt = max(h.failAt-len(pages), 0); h.failAt == 0 {
			return errLost
		}
	}
	for _, c := range pages {
		h.store(c)
	}
	return nil
}

func (h *history) store(c sync.Checkpoint) {
	at := 0
	if len(h.cursor) > 0 {
		require.NoError(h.t, json.Unmarshal(h.cursor, &at))
	}
	var next int
	require.NoError(h.t, json.Unmarshal(c.Cursor, &next))
	require.Equal(h.t, at+1, next, "checkpoints in order")
	require.False(h.t, h.done)
	rejected := map[string]bool{}
	for _, r := range c.Rejects {
		require.NotEmpty(h.t, r.Reason)
		rejected[r.Key], h.rejected[r.Key] = true, r
	}
	h.target.mu.Lock()
	defer h.target.mu.Unlock()
	for _, v := range h.source.pages[at] {
		require.Equal(h.t, v.Poison != "", rejected[v.Key], "%v", v)
		if v.Poison == "" {
			require.GreaterOrEqual(h.t, h.target.has[v.Key], v.Version, "delivered before its checkpoint: %s", v.Key)
		}
	}
	for key := range h.target.has {
		require.True(h.t, h.intended[key] || key == "canary", "written without an intent: %s", key)
	}
	require.NoError(h.t, c.Counts.Check())
	h.counts, h.cursor, h.done = h.counts.Add(c.Counts), c.Cursor, c.Done
}

// draw draws a source, with versions of the same keys on several pages.
func draw(rt *rapid.T) *source {
	s := &source{rejects: map[int]int{}, faults: &plan{faults: faults(rt, "read faults")}}
	versions := 0
	for range rapid.IntRange(1, 12).Draw(rt, "pages") {
		var page []version
		seen := map[int]bool{}
		for _, key := range rapid.SliceOfN(rapid.IntRange(0, 40), 0, 9).Draw(rt, "keys") {
			if seen[key] {
				continue
			}
			seen[key] = true
			versions++
			v := version{Key: fmt.Sprint("k", key), Version: versions}
			// A key is poisonous in all versions: what it was before does not matter.
			v.Poison = []string{"map", "reject", "crash", "", "", "", "", "", "", ""}[key%10]
			page = append(page, v)
		}
		if rapid.IntRange(0, 5).Draw(rt, "malformed") == 0 {
			s.rejects[len(s.pages)] = 2
		}
		s.pages = append(s.pages, page)
	}
	return s
}

func faults(rt *rapid.T, label string) []sync.Class {
	all := rapid.SliceOfN(rapid.SampledFrom([]sync.Class{
		"", "", "", sync.ClassThrottled, sync.ClassUnavailable, sync.ClassUnknown,
	}), 0, 30).Draw(rt, label)
	// More failures of the target in a row than confirmations may be about a record.
	unknown := 0
	for i, class := range all {
		if class == sync.ClassUnknown {
			unknown++
			if unknown > 2 {
				all[i] = ""
			}
		}
	}
	return all
}

// Whatever the faults, the interruptions and the number of workers: each record is delivered or
// rejected alone, the cursor passes no other, and the target has the last version of each key.
func TestRunDeliversEachRecord(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		src := draw(rt)
		dst := &target{has: map[string]int{"canary": 0}, faults: &plan{faults: faults(rt, "write faults")}}
		h := &history{t: rt, source: src, target: dst, rejected: map[string]sync.Reject{}, intended: map[string]bool{}}
		var reader sync.Reader = src
		if rapid.Bool().Draw(rt, "blocks") {
			reader = blocks{src}
		}
		// The last page has a record that works: the target is seen to work.
		last := len(src.pages) - 1
		for i := range src.pages {
			src.pages[i] = append(src.pages[i], version{Key: fmt.Sprint("works", i), Version: 1})
		}
		interruptions := rapid.SliceOfN(rapid.IntRange(1, 5), 0, 3).Draw(rt, "interruptions")
		workers := rapid.IntRange(1, 6).Draw(rt, "workers")
		for range 40 {
			if len(interruptions) > 0 {
				h.failAt, interruptions = interruptions[0], interruptions[1:]
			}
			run := sync.Run{
				Reader: reader, Writer: dst, Mapping: mapping(), List: "list", Cursor: h.cursor, Workers: workers,
				Checkpoint: h.storeAll, Intend: h.intend, Wait: noWait,
			}
			done, err := run.Do(context.Background())
			require.Equal(rt, done, h.done && err == nil)
			if h.done {
				break
			}
		}
		require.True(rt, h.done)
		require.NoError(rt, h.counts.Check())
		want, read := map[string]version{}, 0
		for i, page := range src.pages {
			read += len(page) + src.rejects[i]
			for _, v := range page {
				want[v.Key] = v
			}
		}
		require.EqualValues(rt, read, h.counts.Read)
		for key, v := range want {
			if v.Poison == "" {
				require.Equal(rt, v.Version, dst.has[key], key)
				continue
			}
			require.NotContains(rt, dst.has, key)
			require.Contains(rt, h.rejected, key)
			require.Equal(rt, v.Poison == "map", h.rejected[key].Stage == sync.StageMap)
		}
		require.NotEmpty(rt, src.pages[last])
	})
}

// run returns a run of pages with so many records each.
func runOf(dst *target, pages ...[]version) (*sync.Run, *[]sync.Checkpoint) {
	var stored []sync.Checkpoint
	return &sync.Run{
		Reader: &source{pages: pages, faults: &plan{}}, Writer: dst, Mapping: mapping(), List: "list", Wait: noWait,
		Checkpoint: func(_ context.Context, pages []sync.Checkpoint) error {
			stored = append(stored, pages...)
			return nil
		},
	}, &stored
}

func some(from, n int) []version {
	var page []version
	for i := range n {
		page = append(page, version{Key: fmt.Sprint("k", from+i), Version: 1})
	}
	return page
}

// A target that fails on everything is the cause, not the records: none is rejected.
func TestRunTargetDown(t *testing.T) {
	t.Parallel()
	dst := &target{has: map[string]int{}, faults: &plan{}, down: true}
	run, stored := runOf(dst, some(0, 100))
	done, err := run.Do(t.Context())
	require.False(t, done)
	require.EqualError(t, err, "500")
	require.Equal(t, sync.ClassUnknown, sync.ClassOf(err))
	require.Empty(t, *stored)
}

// A single record that fails alone is not rejected without evidence that the target works.
func TestRunLonelyPoison(t *testing.T) {
	t.Parallel()
	dst := &target{has: map[string]int{}, faults: &plan{}}
	run, stored := runOf(dst, []version{{Key: "k", Version: 1, Poison: "crash"}})
	_, err := run.Do(t.Context())
	require.EqualError(t, err, "500")
	require.Empty(t, *stored)
}

// A permanent error ends the run at once; pages before it are stored.
func TestRunPermanentError(t *testing.T) {
	t.Parallel()
	dst := &target{has: map[string]int{}, faults: &plan{faults: []sync.Class{"", sync.ClassPermanent}}}
	run, stored := runOf(dst, some(0, 1), some(1, 1))
	run.Workers = 1
	_, err := run.Do(t.Context())
	require.Equal(t, sync.ClassPermanent, sync.ClassOf(err))
	require.Len(t, *stored, 1)
	require.Equal(t, 2, dst.faults.calls)
}

// start_offset skips the first records, which do not count as read.
func TestRunSkips(t *testing.T) {
	t.Parallel()
	dst := &target{has: map[string]int{}, faults: &plan{}}
	run, stored := runOf(dst, some(0, 10), some(10, 10))
	run.Skip = 13
	done, err := run.Do(t.Context())
	require.NoError(t, err)
	require.True(t, done)
	require.Len(t, dst.has, 7)
	require.NotContains(t, dst.has, "k12")
	require.Contains(t, dst.has, "k13")
	require.Equal(t, sync.Counts{Skipped: 10}, (*stored)[0].Counts)
	require.Equal(t, sync.Counts{Skipped: 3, Read: 7, Delivered: 7}, (*stored)[1].Counts)
}

// Enough ends a run between pages, without an error: pages that no writer has begun are read again by the next one.
func TestRunEnough(t *testing.T) {
	t.Parallel()
	const all = 200
	var pages [][]version
	for i := range all {
		pages = append(pages, some(i, 1))
	}
	dst := &target{has: map[string]int{}, faults: &plan{}}
	run, stored := runOf(dst, pages...)
	run.Workers = 2
	checkpoint := run.Checkpoint
	var enough atomic.Bool
	run.Enough = enough.Load
	run.Checkpoint = func(ctx context.Context, pages []sync.Checkpoint) error {
		enough.Store(true)
		return checkpoint(ctx, pages)
	}
	done, err := run.Do(t.Context())
	require.NoError(t, err)
	require.False(t, done)
	require.NotEmpty(t, *stored)
	require.Less(t, len(*stored), all)
	require.LessOrEqual(t, len(dst.has)-len(*stored), run.Workers, "what was begun after a page that was not")
	run.Cursor, run.Enough = (*stored)[len(*stored)-1].Cursor, nil
	done, err = run.Do(t.Context())
	require.NoError(t, err)
	require.True(t, done)
	require.Len(t, *stored, all)
	require.Len(t, dst.has, all)
}

// A run that is to end before its first checkpoint delivers what it has read: otherwise a slow reader would never make
// progress.
func TestRunEnoughMakesProgress(t *testing.T) {
	t.Parallel()
	dst := &target{has: map[string]int{}, faults: &plan{}}
	run, stored := runOf(dst, some(0, 1), some(1, 1))
	run.Workers = 1
	asked := 0
	var mu stdsync.Mutex
	run.Enough = func() bool {
		mu.Lock()
		defer mu.Unlock()
		asked++
		return asked > 1
	}
	_, err := run.Do(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, *stored)
}

// Pages are read ahead while the writers are busy, up to a bound, and a checkpoint has all that are ready.
func TestRunReadsAhead(t *testing.T) {
	t.Parallel()
	const all, workers = 100, 2
	var pages [][]version
	for i := range all {
		pages = append(pages, some(i, 1))
	}
	dst := &target{has: map[string]int{}, faults: &plan{}}
	run, stored := runOf(dst, pages...)
	src, ok := run.Reader.(*source)
	require.True(t, ok)
	run.Workers, run.Reader = workers, blocks{src}
	hold := make(chan struct{})
	run.Writer = held{target: dst, until: hold}
	ended := make(chan error, 1)
	go func() {
		_, err := run.Do(t.Context())
		ended <- err
	}()
	polltest.Eventually(t, func() bool { return src.read() > workers }, 10*time.Second, time.Millisecond)
	require.LessOrEqual(t, src.read(), 8*workers)
	close(hold)
	require.NoError(t, <-ended)
	require.Len(t, *stored, all)
	for i, c := range *stored {
		require.EqualValues(t, i+1, c.Page)
	}
}

// Large records are not read ahead without a bound.
func TestRunReadsAheadInBytes(t *testing.T) {
	t.Parallel()
	const size, all = 6 << 20, 12
	src := &large{size: size, all: all}
	hold := make(chan struct{})
	run, _ := runOf(&target{has: map[string]int{}, faults: &plan{}})
	run.Workers, run.Reader, run.Mapping = 32, src, sync.Identity()
	run.Writer = held{target: nothing{}, until: hold}
	run.Checkpoint = func(_ context.Context, pages []sync.Checkpoint) error {
		src.stored.Add(int64(len(pages)))
		return nil
	}
	ended := make(chan error, 1)
	go func() {
		_, err := run.Do(t.Context())
		ended <- err
	}()
	polltest.Eventually(t, func() bool { return src.reads.Load() == 3 }, 10*time.Second, time.Millisecond)
	close(hold)
	require.NoError(t, <-ended)
	require.EqualValues(t, all, src.stored.Load())
	require.LessOrEqual(t, src.most.Load(), int64(2), "pages without a checkpoint before another one is read")
}
