package killtest_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	importstore "github.com/sluicehq/sluice/store/importing"
)

// pollEvery is how often the state of an import is looked at: a chunk of the tests
// takes several times as long.
const pollEvery = 3 * time.Millisecond

// poll calls look until it says that it has seen enough, or fails the test when ctx
// ends. What is polled may be dead right now: look decides what an error means.
func poll(ctx context.Context, t *testing.T, what string, look func(ctx context.Context) (seen bool)) {
	t.Helper()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		seen := look(attempt)
		cancel()
		if seen {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			require.NoError(t, context.Cause(ctx), "while waiting for %s", what)
		}
	}
}

// state is how far an import is.
type state struct {
	status, phase string
	chunks        int32
	token         int64
}

func (s state) ended() bool { return importstore.Ended(s.status) }

// loading says that chunks are being loaded, and some are still to come.
func (s state) loading() bool {
	return s.status == importstore.StatusRunning && s.phase == importstore.PhaseLoading
}

// state reads how far an import of one part is.
func (s *system) state(ctx context.Context, id int64) (state, error) {
	imp, err := s.store.Imports.Import(ctx, id)
	if err != nil {
		return state{}, err
	}
	parts, err := s.store.Imports.ListParts(ctx, id)
	if err != nil {
		return state{}, err
	}
	now := state{status: imp.Status, phase: imp.Phase}
	for _, p := range parts {
		now.chunks, now.token = p.NextChunk, p.FencingToken
	}
	return now, nil
}

// awaitChunks waits until an import has recorded that many chunks, or has ended. The
// store may come and go meanwhile.
func (s *system) awaitChunks(ctx context.Context, t *testing.T, id int64, chunks int32) (now state) {
	t.Helper()
	poll(ctx, t, "progress", func(ctx context.Context) bool {
		seen, err := s.state(ctx, id)
		if err == nil {
			now = seen
		}
		return err == nil && (now.chunks >= chunks || now.ended() || now.status == importstore.StatusParked)
	})
	return now
}

// awaitEnd waits until an import has ended or waits for decisions.
func (s *system) awaitEnd(ctx context.Context, t *testing.T, id int64) (now state) {
	t.Helper()
	poll(ctx, t, "the end of the import", func(ctx context.Context) bool {
		seen, err := s.state(ctx, id)
		now = seen
		return err == nil && (now.ended() || now.status == importstore.StatusParked)
	})
	return now
}
