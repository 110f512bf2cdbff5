package syncwatch

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"time"

	"github.com/sluicehq/sluice/sync/statefile"
)

// look looks at all lists once, and starts those that are due. Faults are reported, and the next look tries again;
// the error is ErrWatched.
func (w *Watch) look(ctx context.Context) error {
	w.say(general(slog.LevelInfo, EventChecking, "checking all lists."))
	calls, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	err := w.cfg.Engine.Check(calls)
	if errors.Is(err, ErrWatched) {
		return err
	}
	// A list that ends from here on counts as running: what is read below may be older than its result.
	w.mu.Lock()
	running := maps.Clone(w.running)
	w.mu.Unlock()
	var waiting map[statefile.Key]bool
	if err == nil {
		waiting, err = w.record(calls)
	}
	var broken, pending map[statefile.Key]bool
	if err == nil {
		broken, err = w.apply(calls, w.read())
	}
	if err == nil {
		pending, err = w.cfg.Engine.Pending(calls)
	}
	if err != nil {
		if ctx.Err() == nil {
			w.fail(general(slog.LevelError, EventUnavailable, "lists cannot be run at present").because(err))
		}
		return nil
	}
	now := time.Now()
	for _, e := range w.last {
		switch {
		case running[e.Key]:
			w.sayRunning(calls, e.Key)
		case waiting[e.Key] || broken[e.Key]:
		case e.Due(now, w.cfg.Every):
			w.start(ctx, e, lineBegin(e))
		case pending[e.Key]:
			w.start(ctx, e, lineContinue(e))
		default:
			w.say(lineUpToDate(e))
		}
	}
	return nil
}

// read reads the file. The last good state is used if it is wrong, with the results that were written since.
func (w *Watch) read() []statefile.Entry {
	w.mu.Lock()
	since := w.written
	w.written = map[statefile.Key]time.Time{}
	w.mu.Unlock()
	entries, err := w.file.Read(time.Now())
	if err == nil {
		w.last = entries
		return entries
	}
	w.fail(general(slog.LevelError, EventInvalid, "the state file is not used, and its last good state is").because(err))
	for i, e := range w.last {
		if t, ok := since[e.Key]; ok {
			w.last[i].LatestTimestamp = t
		}
	}
	return w.last
}

// apply stores what has changed in the file. broken are entries that cannot be stored; the error is about all.
func (w *Watch) apply(ctx context.Context, entries []statefile.Entry) (broken map[statefile.Key]bool, err error) {
	broken = map[statefile.Key]bool{}
	now := make(map[statefile.Key]statefile.Entry, len(entries))
	keys := make([]statefile.Key, len(entries))
	same := w.kept
	for i, e := range entries {
		keys[i] = e.Key
		before, stored := w.applied[e.Key]
		same = same && stored
		if !stored || before != e {
			if err := w.cfg.Engine.Apply(ctx, e); err != nil {
				broken[e.Key] = true
				w.fail(about(slog.LevelError, EventFailed, e.Key, "cannot be stored").because(err))
				continue
			}
		}
		now[e.Key] = e
	}
	if !same || len(now) != len(w.applied) {
		if err := w.cfg.Engine.Keep(ctx, keys); err != nil {
			return broken, err
		}
	}
	w.applied, w.kept = now, true
	return broken, nil
}

// sayRunning reports the progress of a list.
func (w *Watch) sayRunning(ctx context.Context, k statefile.Key) {
	p, err := w.cfg.Engine.Progress(ctx, k)
	if err != nil {
		w.say(about(slog.LevelWarn, EventRunning, k, "is running").because(err))
		return
	}
	w.say(lineRunning(k, p))
}

// start runs a list in the background, and says so.
func (w *Watch) start(ctx context.Context, e statefile.Entry, begin Line) {
	w.say(begin)
	w.mu.Lock()
	w.running[e.Key] = true
	w.mu.Unlock()
	// The end of ctx stops the engine, which ends the run.
	ctx = context.WithoutCancel(ctx)
	w.runs.Go(func() {
		w.run(ctx, e)
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.running, e.Key)
	})
}

// run runs a list, and writes its result.
func (w *Watch) run(ctx context.Context, e statefile.Entry) {
	err := w.cfg.Engine.Run(ctx, e)
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	w.mu.Lock()
	stopping := w.stopping
	w.mu.Unlock()
	switch {
	case err == nil:
	case stopping:
		l := about(slog.LevelInfo, EventInterrupted, e.Key, "is not complete: the next start continues it")
		if p, err := w.cfg.Engine.Progress(ctx, e.Key); err == nil {
			l = about(slog.LevelInfo, EventInterrupted, e.Key,
				"is not complete: the next start continues it after %d records", p.Read)
			l.Read = p.Read
		}
		l.Message += "."
		w.say(l)
	default:
		w.fail(about(slog.LevelError, EventFailed, e.Key, "failed, and is tried again").because(err))
	}
	if _, err := w.record(ctx); err != nil {
		w.fail(about(slog.LevelError, EventUnavailable, e.Key, "has ended, and its result waits for the stack").because(err))
	}
}

// record writes the results of runs into the file as it is now, each once. waiting are the lists whose results cannot
// be written at present; the error is that of the engine.
func (w *Watch) record(ctx context.Context) (waiting map[statefile.Key]bool, err error) {
	w.recording.Lock()
	defer w.recording.Unlock()
	results, err := w.cfg.Engine.Results(ctx)
	if err != nil {
		return nil, err
	}
	waiting = map[statefile.Key]bool{}
	for _, f := range results {
		key := f.Result.Key
		if waiting[key] {
			continue
		}
		f.Result.Uncertain = !w.known || w.tried[f.Run]
		w.tried[f.Run] = true
		taken, err := w.file.Record(time.Now(), f.Result)
		gone := errors.Is(err, statefile.ErrGone)
		if err != nil && !gone {
			waiting[key] = true
			w.fail(about(slog.LevelError, EventWaiting, key, "is updated, and its result waits for the state file").because(err))
			continue
		}
		if err := w.cfg.Engine.Recorded(ctx, f.Run); err != nil {
			return nil, err
		}
		delete(w.tried, f.Run)
		switch {
		case gone:
			w.say(lineGone(f))
			continue
		case taken:
			w.mu.Lock()
			w.written[key] = f.Result.LatestTimestamp
			w.mu.Unlock()
		}
		w.say(lineDone(f, taken))
	}
	w.known = true
	return waiting, nil
}
