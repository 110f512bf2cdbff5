package importing

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"go.temporal.io/sdk/activity"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// Summarize lets the importer sum up what its callbacks have returned, for reviewers.
func (l *Lifecycle) Summarize(ctx context.Context, ref ImportRef) error {
	s, err := l.loadSubject(ctx, ref.ImportID)
	if err != nil {
		return activities.Failure(err)
	}
	summarizer, ok := s.importer.(importers.Summarizer)
	if !ok {
		return nil
	}
	done, err := l.Store.PartsData(ctx, ref.ImportID)
	if err != nil {
		return activities.Failure(err)
	}
	parts := make([]importers.PartData, len(done))
	for i, p := range done {
		parts[i] = importers.PartData{
			No: int(p.No), Table: p.TableName, Label: p.Label, Data: p.Data,
			Result: importers.Result{
				RowsRead: p.RowsRead, RowsLoaded: p.RowsLoaded, RowsRejected: p.RowsRejected, RowsOutOfRange: p.RowsOutOfRange,
				RowsLeftOut: p.RowsLeftOut,
			},
		}
	}
	summary, err := summarizer.Summarize(ctx, s.imp, parts)
	if err == nil {
		err = checkData(s.importer.Name(), "Summarize", summary, importers.MaxSummary)
	}
	if object := bytes.TrimSpace(summary); err == nil && len(object) > 0 && object[0] != '{' {
		err = importers.Permanent(importers.ClassInternal, fmt.Errorf(
			"importer %s: Summarize returned JSON that is not an object", s.importer.Name()))
	}
	if err == nil {
		err = l.Store.SaveSummary(ctx, ref.ImportID, summary)
	}
	return activities.Failure(err)
}

// Finalize lets the importer do the last thing before the rows of an import become
// visible.
func (l *Lifecycle) Finalize(ctx context.Context, ref ImportRef) error {
	s, err := l.enter(ctx, ref, importstore.PhaseFinalize)
	if err != nil {
		return activities.Failure(err)
	}
	finalizer, ok := s.importer.(importers.Finalizer)
	if !ok {
		return nil
	}
	result, err := l.result(ctx, s)
	if err == nil {
		err = finalizer.Finalize(ctx, s.imp, result)
	}
	return activities.Failure(err)
}

// OnSuccess calls the importer's OnSuccess after the end of an import whose rows are visible. Each
// failure is recorded in the import's log. An import in deletion is skipped.
func (l *Lifecycle) OnSuccess(ctx context.Context, ref ImportRef) error {
	s, err := l.loadSubject(ctx, ref.ImportID)
	if errors.Is(err, store.ErrNotFound) || err == nil && s.stored.Status == importstore.StatusDeleting {
		return nil
	}
	if err == nil && s.stored.Status != importstore.StatusCompleted {
		err = fmt.Errorf("on_success of import %d, which is %s: %w", ref.ImportID, s.stored.Status, store.ErrConflict)
	}
	if err != nil {
		return activities.Failure(err)
	}
	result, err := l.result(ctx, s)
	if err == nil {
		err = recovered(func() error { return s.importer.OnSuccess(ctx, s.imp, result) })
	}
	if err == nil || ctx.Err() != nil {
		return activities.Failure(err)
	}
	again := "it is retried"
	if _, permanent := importers.ClassOf(err); permanent {
		again = "the error is permanent"
	}
	told := s.imp.Feedback.Warn(ctx,
		fmt.Sprintf("on_success failed, %s; the import is completed: %s", again, activities.Plain(err.Error())))
	if told != nil {
		activity.GetLogger(ctx).Warn("a failure of on_success could not be logged for the user",
			"import_id", ref.ImportID, "error", told)
	}
	return activities.Failure(err)
}

// result sums an import up for its importer.
func (l *Lifecycle) result(ctx context.Context, s subject) (importers.Result, error) {
	sums, err := l.Store.Summary(ctx, s.stored.ID)
	if err != nil {
		return importers.Result{}, err
	}
	data, err := l.Store.ImportData(ctx, s.stored.ID)
	return importers.Result{
		RowsRead: sums.RowsRead, RowsLoaded: sums.RowsLoaded,
		RowsRejected: sums.RowsRejected, RowsOutOfRange: sums.RowsOutOfRange, RowsLeftOut: sums.RowsLeftOut,
		Summary: data.Summary,
	}, err
}

// checkData refuses data of a callback that is no JSON, or larger than the limit.
func checkData(importer, callback string, data json.RawMessage, limit int) error {
	switch {
	case data == nil:
		return nil
	case len(data) > limit:
		return importers.Permanent(importers.ClassInternal, fmt.Errorf(
			"importer %s: %s returned data of %d bytes: want at most %d", importer, callback, len(data), limit))
	case !json.Valid(data):
		return importers.Permanent(importers.ClassInternal, fmt.Errorf(
			"importer %s: %s returned data that is not JSON", importer, callback))
	default:
		return nil
	}
}
