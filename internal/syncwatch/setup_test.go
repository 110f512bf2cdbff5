package syncwatch_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/syncwatch"
	"github.com/sluicehq/sluice/sync/statefile"
)

// engine runs lists when a test says so.
type engine struct {
	mu sync.Mutex
	// check, apply and recorded are errors to return.
	check, apply, recorded error
	applied                map[statefile.Key]statefile.Entry
	kept                   []statefile.Key
	begun                  []statefile.Entry
	results                []syncwatch.Finished
	pending                map[statefile.Key]bool
	ends                   map[statefile.Key]chan error
	stopped                chan struct{}
	number                 int64
}

var errStopped = errors.New("stopped")

func newEngine() *engine {
	return &engine{
		applied: map[statefile.Key]statefile.Entry{}, ends: map[statefile.Key]chan error{}, stopped: make(chan struct{}),
	}
}

func (e *engine) Check(context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.check
}

func (e *engine) Apply(_ context.Context, entry statefile.Entry) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.applied[entry.Key] = entry
	return e.apply
}

func (e *engine) Keep(_ context.Context, keys []statefile.Key) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.kept = keys
	return nil
}

func (e *engine) Run(_ context.Context, entry statefile.Entry) error {
	e.mu.Lock()
	e.begun = append(e.begun, entry)
	e.number++
	number, end, began := e.number, make(chan error), time.Now()
	e.ends[entry.Key] = end
	e.mu.Unlock()
	select {
	case <-e.stopped:
		return errStopped
	case err := <-end:
		if err != nil {
			return err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.results = append(e.results, syncwatch.Finished{Run: number, Rejected: 2, Result: statefile.Result{
		Key: entry.Key, Base: entry.LatestTimestamp, LatestTimestamp: began, Elapsed: time.Since(began), Updates: 46134,
	}})
	return nil
}

func (e *engine) Pending(context.Context) (map[statefile.Key]bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.pending), nil
}

func (e *engine) Results(context.Context) ([]syncwatch.Finished, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.results), nil
}

func (e *engine) Recorded(_ context.Context, run int64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.recorded != nil {
		return e.recorded
	}
	e.results = slices.DeleteFunc(e.results, func(f syncwatch.Finished) bool { return f.Run == run })
	return nil
}

func (e *engine) Progress(context.Context, statefile.Key) (syncwatch.Progress, error) {
	return syncwatch.Progress{Read: 1200, Announced: 46134}, nil
}

func (e *engine) Stop(context.Context) error {
	close(e.stopped)
	return nil
}

// set changes what the engine returns.
func (e *engine) set(change func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change()
}

// end ends the run of an entry after a while.
func (e *engine) end(after time.Duration, k statefile.Key, err error) {
	<-time.After(after)
	e.mu.Lock()
	end := e.ends[k]
	e.mu.Unlock()
	end <- err
	synctest.Wait()
}

// begins returns how many runs have begun.
func (e *engine) begins() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.begun)
}

// latest returns the entry of the latest run.
func (e *engine) latest() statefile.Entry {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.begun[len(e.begun)-1]
}

// bundle is a watch of a file, with a clock that stands at 2000-01-01 00:00:00 UTC when it starts.
type bundle struct {
	*engine
	path string
	stop context.CancelCauseFunc
	done chan error

	mu    sync.Mutex
	lines []syncwatch.Line
}

// key is the first entry of the list of all tests.
var key = statefile.Key{ListID: "1a2d7ebf82"}

// start watches a file with a content.
func start(t *testing.T, content string, tune func(*syncwatch.Config, *bundle)) *bundle {
	t.Helper()
	b := &bundle{engine: newEngine(), path: filepath.Join(t.TempDir(), "state.json"), done: make(chan error, 1)}
	b.write(t, content)
	cfg := syncwatch.Config{
		Path: b.path, Every: 2 * time.Hour, Interval: time.Minute, Engine: b.engine, Report: func(l syncwatch.Line) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.lines = append(b.lines, l)
		},
	}
	if tune != nil {
		tune(&cfg, b)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	b.stop = cancel
	go func() { b.done <- syncwatch.New(cfg).Run(ctx) }()
	synctest.Wait()
	return b
}

// finish stops the watch.
func (b *bundle) finish(t *testing.T) {
	t.Helper()
	b.stop(nil)
	require.NoError(t, <-b.done)
}

func (b *bundle) write(t *testing.T, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(b.path, []byte(content), 0o600))
}

func (b *bundle) content(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(b.path)
	require.NoError(t, err)
	return string(content)
}

// log returns the lines for people since the last call.
func (b *bundle) log() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var text strings.Builder
	for _, l := range b.lines {
		text.WriteString(l.String() + "\n")
	}
	b.lines = nil
	return text.String()
}

// look lets time pass until the next look has ended.
func look() {
	<-time.After(time.Minute)
	synctest.Wait()
}
