// Package syncwatch keeps the lists of a state file in sync, as the original importer does. It looks at the file at
// an interval, runs the lists that are due, and writes the results of their runs into the file, which people edit
// meanwhile.
//
// A Watch decides; an Engine runs lists. The process may be killed at any point: what a run has reached is with the
// engine, and a result is written into the file once.
package syncwatch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync/statefile"
)

// ErrWatched means that another process watches the state file.
var ErrWatched = syncstore.ErrWatched

// QuitFile is the name of the file whose appearance in the folder of the state file stops a watch.
const QuitFile = "controller.quit"

// Times of a watch.
const (
	// quitEvery is the time between two looks for the file QuitFile.
	quitEvery = time.Second
	// lookTimeout bounds the calls of the engine in one look.
	lookTimeout = time.Minute
	// MinInterval and MaxInterval bound the time between two looks.
	MinInterval = time.Second
	MaxInterval = 24 * time.Hour
)

// Config configures a Watch. All but Once is required.
type Config struct {
	// Path is the state file.
	Path string
	// Every is the age of a timestamp from which on a list is due.
	Every time.Duration
	// Interval is the time between two looks at the file.
	Interval time.Duration
	// Once ends the watch after one look, when the lists that were due have ended.
	Once   bool
	Engine Engine
	// Report writes a line of the log. Calls are made one at a time.
	Report func(Line)
}

// Watch watches a state file.
type Watch struct {
	cfg  Config
	file *statefile.File
	quit string
	runs sync.WaitGroup

	// Of the goroutine that looks: the last good state of the file, what of it is stored, and whether its keys are.
	last    []statefile.Entry
	applied map[statefile.Key]statefile.Entry
	kept    bool

	// recording is held while results are written. tried are runs whose results may have been written, known says that
	// results of an earlier process have been looked for.
	recording sync.Mutex
	tried     map[int64]bool
	known     bool

	mu      sync.Mutex
	running map[statefile.Key]bool
	// written are the timestamps that were written since the file was last read.
	written map[statefile.Key]time.Time
	// failures counts runs that have failed and results that wait.
	failures int
	stopping bool
	lines    sync.Mutex
}

// New returns a watch of a state file.
func New(cfg Config) *Watch {
	return &Watch{
		cfg: cfg, file: statefile.New(cfg.Path), quit: filepath.Join(filepath.Dir(cfg.Path), QuitFile),
		applied: map[statefile.Key]statefile.Entry{}, tried: map[int64]bool{}, running: map[statefile.Key]bool{},
		written: map[statefile.Key]time.Time{},
	}
}

// ErrFailed means that a list has failed in a watch that ends after one look.
var ErrFailed = errors.New("not all lists are up to date")

// Run watches until ctx ends or the file QuitFile appears, and then stops gracefully: lists that are running end their
// pages, and continue at the next start. A QuitFile of earlier is removed. The errors are that of the state file, if it
// is wrong at the start, ErrWatched, ErrFailed, and the cause of ctx if it is not context.Canceled.
func (w *Watch) Run(ctx context.Context) error {
	if err := os.Remove(w.quit); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s of an earlier watch: %w", QuitFile, err)
	}
	var err error
	if w.last, err = w.file.Read(time.Now()); err != nil {
		return err
	}
	w.say(general(slog.LevelInfo, EventStarting, "starting..."))
	err = w.watch(ctx)
	w.say(general(slog.LevelInfo, EventStopping, "stopping..."))
	err = errors.Join(err, w.stop(ctx))
	w.say(general(slog.LevelInfo, EventStopped, "stopped."))
	return err
}

// watch looks at the file until the watch is to stop.
func (w *Watch) watch(ctx context.Context) error {
	for {
		if err := w.look(ctx); err != nil {
			return err
		}
		next := time.After(w.cfg.Interval)
		var done <-chan struct{}
		if w.cfg.Once {
			next, done = nil, w.idle()
		} else {
			w.say(general(slog.LevelInfo, EventSleeping, "sleeping for "+seconds(w.cfg.Interval)+"."))
		}
		if stop, err := w.sleep(ctx, next, done); stop {
			return err
		}
	}
}

// idle returns a channel that is closed when no list is running.
func (w *Watch) idle() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.runs.Wait()
	}()
	return done
}

// sleep waits for the next look. It reports whether the watch is to stop instead.
func (w *Watch) sleep(ctx context.Context, next <-chan time.Time, done <-chan struct{}) (stop bool, err error) {
	ticker := time.NewTicker(quitEvery)
	defer ticker.Stop()
	for {
		if _, err := os.Stat(w.quit); err == nil {
			return true, w.interrupted()
		}
		select {
		case <-next:
			return false, nil
		case <-done:
			return true, w.outcome()
		case <-ctx.Done():
			if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
				return true, cause
			}
			return true, w.interrupted()
		case <-ticker.C:
		}
	}
}

// interrupted is the error of a watch that was stopped.
func (w *Watch) interrupted() error {
	if w.cfg.Once {
		return ErrFailed
	}
	return nil
}

// outcome returns an error if a list has failed.
func (w *Watch) outcome() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failures > 0 {
		return ErrFailed
	}
	return nil
}

// stop ends the lists that are running, and writes the results of those that have just ended.
func (w *Watch) stop(ctx context.Context) error {
	w.mu.Lock()
	w.stopping = true
	w.mu.Unlock()
	ctx = context.WithoutCancel(ctx)
	err := w.cfg.Engine.Stop(ctx)
	w.runs.Wait()
	return err
}

// say writes a line.
func (w *Watch) say(l Line) {
	w.lines.Lock()
	defer w.lines.Unlock()
	l.Time = time.Now().UTC().Truncate(time.Second)
	w.cfg.Report(l)
}

// fail writes a line about a failure.
func (w *Watch) fail(l Line) {
	w.mu.Lock()
	w.failures++
	w.mu.Unlock()
	w.say(l)
}
