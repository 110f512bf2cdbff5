package importertest

import (
	"context"
	"slices"
	"sync"

	"github.com/sluicehq/sluice/importers"
)

// Log is feedback in memory, for tests. It is safe for concurrent use.
type Log struct {
	mu    sync.Mutex
	lines []string
}

var _ importers.Feedback = (*Log)(nil)

// Info records "info: " and the message. It returns ctx's error if that is done.
func (l *Log) Info(ctx context.Context, message string) error { return l.add(ctx, "info: "+message) }

// Warn records "warn: " and the message. It returns ctx's error if that is done.
func (l *Log) Warn(ctx context.Context, message string) error { return l.add(ctx, "warn: "+message) }

// WarnPart records "warn: " and the warning's text. It returns ctx's error if that is done.
func (l *Log) WarnPart(ctx context.Context, w importers.PartWarning) error {
	return l.add(ctx, "warn: "+w.String())
}

// Error records "error: " and the message. It returns ctx's error if that is done.
func (l *Log) Error(ctx context.Context, message string) error {
	return l.add(ctx, "error: "+message)
}

// Lines returns the recorded lines, in order.
func (l *Log) Lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

func (l *Log) add(ctx context.Context, line string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	l.lines = append(l.lines, line)
	return nil
}
