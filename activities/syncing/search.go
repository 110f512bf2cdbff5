package syncing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sluicehq/sluice/internal/delay"
	"github.com/sluicehq/sluice/store"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
)

// PageRef names a page of a run.
type PageRef struct {
	RunID int64 `json:"run_id"`
	Page  int64 `json:"page"`
}

// String returns RUN/PAGE.
func (p PageRef) String() string { return fmt.Sprintf("%d/%d", p.RunID, p.Page) }

// Find searches a page for the records that the target rejected later, from the last step of an earlier attempt. Each
// record that it finds is rejected with its reason.
func (s *Syncs) Find(ctx context.Context, in RunRef) (Progress, error) {
	progress, err := s.find(ctx, in)
	return progress, failure(err)
}

func (s *Syncs) find(ctx context.Context, in RunRef) (Progress, error) {
	row, err := s.Store.Sync(ctx, in.Sync)
	if err != nil {
		return Progress{}, err
	}
	run, err := s.Store.Claim(ctx, in.RunID)
	if err != nil || run.Done {
		return progressOf(run), err
	}
	o, err := s.Systems.open(ctx, row, 0)
	if err != nil {
		return Progress{}, err
	}
	defer o.close()
	search, err := s.newSearch(ctx, row, run, o)
	if err != nil {
		return Progress{}, err
	}
	if err := search.Do(ctx); err != nil {
		return Progress{}, err
	}
	// The errors of the search are no errors of pages.
	if err := s.forget(ctx, o.writer); err != nil {
		return Progress{}, err
	}
	run, err = s.Store.Run(ctx, run.ID)
	return progressOf(run), err
}

func (s *Syncs) newSearch(
	ctx context.Context, row syncstore.Sync, run syncstore.Run, o *opened,
) (*sync.Search, error) {
	fetcher, ok := o.reader.(sync.Fetcher)
	if !ok || run.FindRun == nil || run.FindPage == nil {
		return nil, permanent(errors.New("the source reads no single records: its pages cannot be searched"))
	}
	ids, err := s.Store.PageIDs(ctx, *run.FindRun, *run.FindPage)
	if errors.Is(err, store.ErrNotFound) {
		return nil, permanent(fmt.Errorf("page %d/%d has no delivered records, or is older than %s",
			*run.FindRun, *run.FindPage, syncstore.KeptIDs))
	}
	if err != nil {
		return nil, err
	}
	known, err := sync.DecodeKnown(ids)
	if err != nil {
		return nil, permanent(err)
	}
	search := &sync.Search{
		Keys: slices.Sorted(maps.Keys(known)), Fetcher: fetcher, Writer: o.writer, Mapping: o.mapping, List: row.ListID,
		Wait: delay.Wait,
	}
	if len(run.Cursor) > 0 {
		if err := json.Unmarshal(run.Cursor, &search.State); err != nil {
			return nil, permanent(fmt.Errorf("decode the state of the search: %w", err))
		}
	}
	search.Save = func(ctx context.Context, state sync.SearchState, found []sync.Reject) error {
		cursor, err := json.Marshal(state)
		if err != nil {
			return fmt.Errorf("encode the state of the search: %w", err)
		}
		changes, err := changesOf(outcomeRejected, nil, found)
		if err != nil {
			return err
		}
		return s.Store.AdvanceSearch(ctx, run, syncstore.Searched{
			Cursor: cursor, Done: state.Done, Pages: int64(state.Probes), Read: int64(len(search.Keys)),
			Rejected: int64(len(state.Found)), Rejects: rejects(found), Changes: changes,
		})
	}
	return search, nil
}

// forget reads late errors without counting them.
func (s *Syncs) forget(ctx context.Context, w sync.Writer) error {
	auditor, ok := w.(sync.Auditor)
	if !ok {
		return nil
	}
	for range auditAttempts {
		last, err := s.Store.LastAudit(ctx, auditor.Account())
		if err != nil {
			return err
		}
		latest, _, err := auditor.LateErrors(ctx)
		if err != nil {
			return err
		}
		text, err := json.Marshal(append([]sync.LateError{}, latest...))
		if err != nil {
			return fmt.Errorf("encode the late errors of %s: %w", last.Account, err)
		}
		err = s.Store.SaveAudit(ctx, syncstore.NewAudit{Last: last, Errors: text, Exact: true})
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return nil
}
