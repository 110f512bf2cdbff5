package importertest

import (
	"cmp"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
)

// promptly is the time within which a call must return once its context is done.
const promptly = 5 * time.Second

// checkCancel: if the context is done, every call returns promptly; planning and reading return the
// context's error, which is not permanent.
func checkCancel(tb testing.TB, cfg Config) {
	tb.Helper()
	b := setup(tb, cfg)
	ctx := cancelled(tb)
	limit := cmp.Or(cfg.prompt, promptly)
	isDone := func(err error, what string) {
		require.ErrorIs(tb, err, context.Canceled, "%s does not return the context's error", what)
		_, permanent := importers.ClassOf(err)
		require.False(tb, permanent, "%s makes cancelling permanent", what)
	}
	isDone(inTime(tb, limit, "Plan", func() error {
		_, err := b.Plan(ctx, b.imp)
		return err
	}), "Plan")
	if err := inTime(tb, limit, "BeforeStart", func() error { return b.before(ctx) }); err != nil {
		isDone(err, "BeforeStart")
	}
	part := b.plan.Parts[0]
	isDone(inTime(tb, limit, "ImportData", func() error {
		_, err := ReadPart(ctx, b.Importer, b.imp, part, "")
		return err
	}), "ImportData")
	isDone(inTime(tb, limit, "Next", func() error { return b.cancelledNext(tb, part) }), "Next")
}

// cancelledNext opens a part with a valid context and reads with one that is done.
func (b *bench) cancelledNext(tb testing.TB, part importers.Part) (err error) {
	tb.Helper()
	reader, err := b.ImportData(tb.Context(), b.imp, part, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	return reader.Next(cancelled(tb), importers.NewChunk(part.Table))
}

// inTime makes the call and fails the test if the call takes too long. The call's goroutine ends
// with the call.
func inTime(tb testing.TB, limit time.Duration, what string, call func() error) error {
	tb.Helper()
	done := make(chan error, 1)
	go func() { done <- call() }()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		require.FailNow(tb, what+" continues although its context is done")
		return nil
	}
}
