package syncing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/store"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
)

const (
	// auditEvery is the time between two readings of the late errors of an account while records are delivered.
	auditEvery = time.Minute
	// auditAfter is how long after the end of a run its late errors are expected.
	auditAfter = time.Minute
	// auditAttempts bounds the attempts at a reading, if other lists of the account read at the same time.
	auditAttempts = 5
)

// Audited is the result of a reading of late errors.
type Audited struct {
	// Skipped means that none was due.
	Skipped bool `json:"skipped,omitempty"`
	// New is the number of errors since the last reading.
	New int `json:"new,omitempty"`
}

// Audit reads the errors of the later validation of the target after a run has ended, unless another list of the
// account has done so. That they cannot be read is recorded with the run.
func (s *Syncs) Audit(ctx context.Context, in RunRef) (Audited, error) {
	audited, err := s.auditRun(ctx, in)
	return audited, failure(err)
}

func (s *Syncs) auditRun(ctx context.Context, in RunRef) (Audited, error) {
	row, err := s.Store.Sync(ctx, in.Sync)
	if err != nil {
		return Audited{}, err
	}
	run, err := s.Store.Run(ctx, in.RunID)
	if errors.Is(err, store.ErrNotFound) {
		// Only the latest runs are kept.
		return Audited{Skipped: true}, nil
	}
	if err != nil {
		return Audited{}, err
	}
	o, err := s.Systems.open(ctx, row, 0)
	if err != nil {
		return Audited{}, err
	}
	defer o.close()
	return s.audit(ctx, run, o.writer, func(last syncstore.Audit) bool {
		return run.EndedAt == nil || last.ReadAt.Before(run.EndedAt.Add(auditAfter))
	})
}

// beginAudits records which account a run writes to. The first reading of an account knows its old errors.
func (s *Syncs) beginAudits(ctx context.Context, run syncstore.Run, w sync.Writer) error {
	auditor, ok := w.(sync.Auditor)
	if !ok || run.Account == auditor.Account() {
		return nil
	}
	if err := s.Store.NoteAccount(ctx, run.ID, auditor.Account()); err != nil {
		return err
	}
	return s.auditOften(ctx, run, w)
}

// auditOften reads late errors while a run is under way, so that they can be tied to few pages.
func (s *Syncs) auditOften(ctx context.Context, run syncstore.Run, w sync.Writer) error {
	_, err := s.audit(ctx, run, w, func(last syncstore.Audit) bool {
		return last.Version == 0 || last.Now.Sub(last.ReadAt) >= auditEvery
	})
	return err
}

// audit reads late errors if due says so. The fault of the target is recorded: the delivery does not depend on it.
func (s *Syncs) audit(
	ctx context.Context, run syncstore.Run, w sync.Writer, due func(last syncstore.Audit) bool,
) (Audited, error) {
	auditor, ok := w.(sync.Auditor)
	if !ok {
		return Audited{Skipped: true}, nil
	}
	for range auditAttempts {
		last, err := s.Store.LastAudit(ctx, auditor.Account())
		if err != nil {
			return Audited{}, err
		}
		if !due(last) {
			return Audited{Skipped: true}, nil
		}
		latest, limit, err := auditor.LateErrors(ctx)
		if ctx.Err() != nil {
			return Audited{}, ctx.Err()
		}
		fault := ""
		if err != nil {
			fault = text(err)
		}
		if noted := s.Store.NoteAuditError(ctx, run.ID, fault); noted != nil || err != nil {
			return Audited{}, noted
		}
		n, err := s.saveAudit(ctx, last, latest, limit)
		if !errors.Is(err, store.ErrConflict) {
			return Audited{New: n}, err
		}
	}
	// The other lists of the account have read what this one would.
	return Audited{Skipped: true}, nil
}

// saveAudit records a reading. All errors of the first one are old.
func (s *Syncs) saveAudit(
	ctx context.Context, last syncstore.Audit, latest []sync.LateError, limit int,
) (int, error) {
	a := syncstore.NewAudit{Last: last, Exact: true}
	var before, fresh []sync.LateError
	if last.Version > 0 {
		if err := json.Unmarshal(last.Errors, &before); err != nil {
			return 0, fmt.Errorf("decode the late errors of %s: %w", last.Account, err)
		}
		fresh, a.Exact = sync.NewErrors(before, latest, limit)
	}
	a.New = len(fresh)
	var err error
	if a.Reasons, err = json.Marshal(sync.CountErrors(fresh)); err == nil {
		a.Errors, err = json.Marshal(append([]sync.LateError{}, latest...))
	}
	if err != nil {
		return 0, fmt.Errorf("encode the late errors of %s: %w", last.Account, err)
	}
	return a.New, s.Store.SaveAudit(ctx, a)
}
