package temporal

import (
	"context"
	"log/slog"
	"os"
	"sync/atomic"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// logger gives the server's log to slog.
type logger struct {
	slog *slog.Logger
	// stopping lowers everything to debug: in its last second the server warns
	// of each of its own connections that it has closed itself.
	stopping *atomic.Bool
}

func newLogger(to *slog.Logger) logger { return logger{slog: to, stopping: new(atomic.Bool)} }

var _ log.Logger = logger{}

func (l logger) log(level slog.Level, msg string, tags []tag.Tag) {
	if l.stopping.Load() {
		level = slog.LevelDebug
	}
	ctx := context.Background()
	if !l.slog.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, len(tags))
	for i, t := range tags {
		attrs[i] = slog.Any(t.Key(), t.Value())
	}
	l.slog.LogAttrs(ctx, level, msg, attrs...) //nolint:sloglint // The server's messages are constants, there.
}

// Debug implements [log.Logger].
func (l logger) Debug(msg string, tags ...tag.Tag) { l.log(slog.LevelDebug, msg, tags) }

// Info implements [log.Logger].
func (l logger) Info(msg string, tags ...tag.Tag) { l.log(slog.LevelInfo, msg, tags) }

// Warn implements [log.Logger].
func (l logger) Warn(msg string, tags ...tag.Tag) { l.log(slog.LevelWarn, msg, tags) }

// Error implements [log.Logger].
func (l logger) Error(msg string, tags ...tag.Tag) { l.log(slog.LevelError, msg, tags) }

// DPanic implements [log.Logger]; it panics only in the server's own
// development builds, hence never here.
func (l logger) DPanic(msg string, tags ...tag.Tag) { l.log(slog.LevelError, msg, tags) }

// Panic implements [log.Logger].
func (l logger) Panic(msg string, tags ...tag.Tag) {
	l.log(slog.LevelError, msg, tags)
	panic(msg)
}

// Fatal implements [log.Logger]. It ends the process, as the server expects: a
// service that could not listen would otherwise leave half a server behind,
// which looks alive and answers nothing. The supervisor starts a whole one.
func (l logger) Fatal(msg string, tags ...tag.Tag) {
	l.log(slog.LevelError, msg, tags)
	os.Exit(1)
}
