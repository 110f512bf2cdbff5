package importing

import (
	"context"
	"fmt"
	"strings"

	"go.temporal.io/sdk/activity"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/internal/convert"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// Locks gets imports their locks, and ends imports, which gives their locks to others.
type Locks struct {
	Store *importstore.Store
	// Limits bound how many imports run at once.
	Limits importstore.LockLimits
	// Wake tells the workflow of an import that it has got its locks. Required.
	Wake func(ctx context.Context, w importstore.Woken) error
}

// Acquired is the answer to a request for locks.
type Acquired struct {
	// FencingToken is that of the granted locks; 0 while the import waits for them.
	FencingToken int64 `json:"fencing_token,omitempty"`
	// Waiting says what it waits for.
	Waiting string `json:"waiting,omitempty"`
}

// Acquire gets an import all its locks, or a place in the queue for them: then its
// workflow is woken when they are granted, and asks again.
func (l *Locks) Acquire(ctx context.Context, ref ImportRef) (Acquired, error) {
	grant, err := l.Store.AcquireLocks(ctx, ref.ImportID, runOf(ctx), l.Limits)
	if err != nil {
		return Acquired{}, activities.Failure(err)
	}
	if grant.FencingToken != 0 {
		return Acquired{FencingToken: grant.FencingToken}, nil
	}
	waiting := waitingFor(grant.BlockedBy)
	log := feedback{store: l.Store, id: ref.ImportID, activity: runOf(ctx) + "/locking"}
	return Acquired{Waiting: waiting}, activities.Failure(log.Info(ctx, "Waiting for "+waiting+"."))
}

// waitingFor says what an import waits for.
func waitingFor(others []importstore.LockHolder) string {
	if len(others) == 0 {
		return "a place: as many imports run as may"
	}
	return strings.Join(convert.Slice(others, func(o importstore.LockHolder) string {
		return fmt.Sprintf("import %d (%s)", o.ImportID, o.Resource)
	}), ", ")
}

// finish ends an import and wakes those that have got its locks.
func (l *Locks) finish(ctx context.Context, id int64, end importstore.End) error {
	woken, err := l.Store.Finish(ctx, id, end, l.Limits)
	if err != nil {
		return err
	}
	l.wake(ctx, woken)
	return nil
}

// wake notifies workflows of the locks that they were granted. The reconciler repeats a
// notification that fails.
func (l *Locks) wake(ctx context.Context, woken []importstore.Woken) {
	for _, w := range woken {
		if err := l.Wake(ctx, w); err != nil {
			activity.GetLogger(ctx).Warn("could not wake an import", "import_id", w.ImportID, "error", err)
		}
	}
}
