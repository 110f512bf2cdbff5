package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse"
)

const slowly = `{"rows": 20000, "parts": 3, "delay": "20ms"}`

// Cancelled while it loads, an import leaves no row behind, and can be deleted; before
// that it cannot.
func TestCancelWhileLoading(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	ctx := enginetest.Context(t)
	s.StartWorker(t)
	imp := s.noop(site, slowly)
	s.WaitLoading(t, imp.ID)

	err := s.Starter.Delete(ctx, imp.ID)
	require.ErrorIs(t, err, store.ErrConflict)
	require.EqualError(t, err, fmt.Sprintf(
		"import %d is running, cancel it first with `sluice import cancel %d`: not possible in this state", imp.ID, imp.ID))

	require.NoError(t, s.Starter.Cancel(ctx, imp.ID, starter.By{}))
	last := s.end(imp, importstore.StatusCancelled)
	require.Equal(t, string(importers.ClassCancelled), last.Import.ErrorClass)
	require.Equal(t, "cancelled", last.Import.Error)
	var canceled *temporal.CanceledError
	require.ErrorAs(t, s.Temporal.GetWorkflow(ctx, imp.WorkflowID, "").Get(ctx, nil), &canceled)
	require.Contains(t, s.feedback(imp.ID), "info: cancelled")

	require.EqualError(t, s.Starter.Cancel(ctx, imp.ID, starter.By{}),
		fmt.Sprintf("import %d is cancelled: not possible in this state", imp.ID))
	require.NoError(t, s.Starter.Delete(ctx, imp.ID))
	require.NoError(t, s.Starter.WaitDeleted(ctx, imp.ID))
	_, err = s.Store.Imports.Import(ctx, imp.ID)
	require.ErrorIs(t, err, store.ErrNotFound)
	require.NoError(t, errors.Join(s.cleanRejects(last.Import)))

	// The site is free again.
	s.end(s.noop(site, `{"rows": 10}`), importstore.StatusCompleted)
}

// cleanRejects says whether rejects of an import are left.
func (s *system) cleanRejects(imp importstore.Import) error {
	rejects, err := s.Warehouse.Rejects(enginetest.Context(s.t), uint64(imp.SiteID), uint64(imp.ID), warehouse.RejectFilter{}, 0, 10)
	if err == nil && len(rejects) > 0 {
		err = fmt.Errorf("%d rejects are left", len(rejects))
	}
	return err
}

// stuck is an importer that hangs in one place until its context ends.
type stuck struct {
	*noop.Importer
	at       string
	reached  chan struct{}
	released chan struct{}
}

func newStuck(at string) *stuck {
	return &stuck{Importer: noop.New(), at: at, reached: make(chan struct{}), released: make(chan struct{})}
}

func (s *stuck) hang(ctx context.Context, here string) error {
	if here != s.at {
		return nil
	}
	close(s.reached)
	<-ctx.Done()
	close(s.released)
	return ctx.Err()
}

// BeforeStart may hang.
func (s *stuck) BeforeStart(ctx context.Context, _ importers.Import) (json.RawMessage, error) {
	return nil, s.hang(ctx, noop.BeforeStart)
}

// Plan may hang.
func (s *stuck) Plan(ctx context.Context, imp importers.Import) (importers.Plan, error) {
	if err := s.hang(ctx, noop.Plan); err != nil {
		return importers.Plan{}, err
	}
	return s.Importer.Plan(ctx, imp)
}

// ImportData returns a reader that may hang.
func (s *stuck) ImportData(
	ctx context.Context, imp importers.Import, part importers.Part, from importers.Cursor,
) (importers.Reader, error) {
	if s.at == "next" {
		return stuckReader{s}, nil
	}
	if err := s.hang(ctx, noop.ImportData); err != nil {
		return nil, err
	}
	return s.Importer.ImportData(ctx, imp, part, from)
}

type stuckReader struct{ *stuck }

// Next hangs.
func (r stuckReader) Next(ctx context.Context, _ *importers.Chunk) error {
	return errors.Join(r.hang(ctx, "next"), io.ErrUnexpectedEOF)
}

// Close does nothing.
func (stuckReader) Close() error { return nil }

// Wherever an importer hangs, its context is cancelled, and the import ends: long before
// the attempt, which may take hours, has come to its own timeout.
func TestCancelIsPrompt(t *testing.T) {
	t.Parallel()
	for _, at := range []string{noop.BeforeStart, noop.Plan, noop.ImportData, "next"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			hung := newStuck(at)
			s := setup(t, hung)
			s.StartWorker(t)
			imp := s.noop(site, `{"rows": 10}`)
			ctx, cancel := context.WithTimeout(enginetest.Context(t), time.Minute)
			defer cancel()
			requireClosed(ctx, t, hung.reached, "the importer is called")
			require.NoError(t, s.Starter.Cancel(ctx, imp.ID, starter.By{}))
			requireClosed(ctx, t, hung.released, "the importer's context ends")
			s.end(imp, importstore.StatusCancelled)
		})
	}
}

func requireClosed(ctx context.Context, t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-ctx.Done():
		require.FailNow(t, "timed out", what)
	}
}
