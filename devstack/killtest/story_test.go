package killtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// story is an import of generated rows, the commands to it, and its expected end.
type story struct {
	name string
	// args are the importer's.
	args   string
	review bool
	expiry time.Duration
	// play is what people do once the import is started. Defaults to nothing.
	play func(ctx context.Context, l *life, id int64) error
	// status is how it ends, rows how many rows it has then, reviewed that a decision was
	// asked for.
	status   string
	rows     uint64
	reviewed bool
	staged   bool

	site string
	id   int64
}

// tell starts an import and does what people do until it has ended.
func (l *life) tell(ctx context.Context, s *story) error {
	if err := l.begin(ctx, s); err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	if s.play != nil {
		if err := s.play(ctx, l, s.id); err != nil {
			return fmt.Errorf("%s, import %d: %w", s.name, s.id, err)
		}
	}
	return until(ctx, fmt.Sprintf("the end of %s, import %d", s.name, s.id), func(ctx context.Context) (bool, error) {
		imp, err := l.store.Imports.Import(ctx, s.id)
		return err == nil && importstore.Ended(imp.Status), nil
	})
}

// begin starts an import however often that takes: under its key it stays one.
func (l *life) begin(ctx context.Context, s *story) error {
	settings, review := l.settings.Import, s.review
	settings.ChunkRows = 50
	people := *l.starter
	if s.expiry != 0 {
		people.Review.Expiry = s.expiry
	}
	return until(ctx, "the start", func(ctx context.Context) (bool, error) {
		imp, err := people.StartImport(ctx, starter.Request{
			Site: s.site, Source: "traced", Label: s.name, Args: json.RawMessage(s.args), IdempotencyKey: s.name,
			Settings: &settings, Review: &review, By: "ann",
		})
		s.id = imp.ID
		return err == nil, nil
	})
}

var bob = starter.By{Who: "bob", Why: "as agreed"}

// decided decides until that is known to be decided: whether an attempt whose answer got
// lost was carried out shows at the next one.
func decided(verdict string) func(context.Context, *life, int64) error {
	return func(ctx context.Context, l *life, id int64) error {
		return until(ctx, "the decision", func(ctx context.Context) (bool, error) {
			err := l.starter.Decide(ctx, id, verdict, bob)
			return err == nil || errors.Is(err, importstore.ErrDecided), nil
		})
	}
}

// cancelled cancels an import once it is there.
func cancelled(seen func(importstore.Import) bool) func(context.Context, *life, int64) error {
	return func(ctx context.Context, l *life, id int64) error {
		return until(ctx, "the cancellation", func(ctx context.Context) (bool, error) {
			imp, err := l.store.Imports.Import(ctx, id)
			if err != nil || !seen(imp) {
				return false, nil //nolint:nilerr // the store is dead, and gets up again
			}
			if importstore.Ended(imp.Status) {
				return true, nil
			}
			// Whether it was accepted, if the answer got lost, shows at the end.
			return l.starter.Cancel(ctx, id, bob) == nil, nil
		})
	}
}

func inPhase(phase string) func(importstore.Import) bool {
	return func(imp importstore.Import) bool { return imp.Phase == phase || importstore.Ended(imp.Status) }
}

// requireEnd checks how a story has ended: in the store, in the warehouse, and in its
// importer's traces.
func (l *life) requireEnd(ctx context.Context, t *testing.T, s *story) {
	t.Helper()
	summary, err := l.store.Imports.Summary(ctx, s.id)
	require.NoError(t, err)
	imp := summary.Import
	assert.Equal(t, s.status, imp.Status, "%s, import %d: %s", s.name, s.id, imp.Error)
	assert.Zero(t, imp.FencingToken, "%s holds no locks", s.name)
	assert.False(t, imp.Paused, s.name)
	assert.Nil(t, imp.WaitUntil, s.name)
	assert.Equal(t, summary.RowsRead, summary.RowsLoaded+summary.RowsRejected+summary.RowsOutOfRange+summary.RowsLeftOut, s.name)
	for _, table := range schema.Imported() {
		rows, err := l.warehouse.ImportRows(ctx, table, uint64(imp.SiteID), uint64(imp.ID))
		require.NoError(t, err)
		seen, err := l.warehouse.VisibleSum(ctx, table, uint64(imp.SiteID), uint64(imp.ID), "visitors")
		require.NoError(t, err)
		want := uint64(0)
		if table == schema.Visitors {
			want = s.rows
		}
		assert.Equal(t, want, rows, "rows of %s in %s", s.name, table.Name)
		assert.Equal(t, want, seen.Rows, "visible rows of %s in %s", s.name, table.Name)
		assert.Equal(t, want*(want+1)/2, seen.Sum, "visitors of %s in %s", s.name, table.Name)
	}
	// An import that is cancelled before its first callback has nothing to clean up.
	planned := s.status != importstore.StatusCancelled || l.tracesOf(t, tracePlanned)[name(s.id)]
	assert.True(t, !planned || l.tracesOf(t, traceCleaned)[name(s.id)], "%s has cleaned up", s.name)
	assert.False(t, l.tracesOf(t, traceHeld)[name(s.id)], "%s holds nothing any more", s.name)
	staged, times := 0, 0
	if s.staged {
		staged = 1
	}
	row := l.db.QueryRow(ctx, "SELECT count(*) FROM "+stagedTable+" WHERE import_id = $1", s.id)
	require.NoError(t, row.Scan(&times))
	assert.Equal(t, staged, times, "StageDone of %s was committed", s.name)
}

// announcements are the IDs of the expected notifications about a story.
func (s *story) announcements() []string {
	events := []string{s.status}
	if s.reviewed {
		events = append(events, importstore.EventReviewWanted)
	}
	for i, event := range events {
		events[i] = fmt.Sprintf("imp_%d_0_%s", s.id, event)
	}
	return events
}
