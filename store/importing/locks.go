package importing

import (
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// LockLimits bound how many imports hold their locks at once, beside what their
// dependencies allow. 0 is no limit.
type LockLimits struct {
	// Running is the limit of all imports.
	Running int64
	// RunningPerSite is the limit of each site's.
	RunningPerSite int64
}

// Grant is the answer to a request for locks.
type Grant struct {
	// FencingToken is the fencing token of the import's writes; 0 while it waits. It increases with
	// every grant of any import.
	FencingToken int64
	// BlockedBy are up to five imports that it waits for. It is empty where the import
	// waits only because enough others run.
	BlockedBy []LockHolder
}

// LockHolder is an import that another one waits for.
type LockHolder struct {
	ImportID int64
	Resource string
}

// Woken is an import that has just been granted its locks, and whose workflow is to
// be notified.
type Woken struct {
	ImportID int64
	Domain   string
}

// AcquireLocks gets an import all its locks, or a place in the queue for them. An
// import that has them, or waits, may ask again. One that had ended other than well
// begins again if run is another than the run that ended it. The errors are
// ErrNotFound, and ErrConflict if it has ended.
func (s *Store) AcquireLocks(ctx context.Context, id int64, run string, limits LockLimits) (Grant, error) {
	var grant Grant
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		if err := q.LockGrants(ctx); err != nil {
			return fmt.Errorf("lock the grants: %w", err)
		}
		if _, err := q.LockImport(ctx, id); err != nil {
			return store.Found(err, "import %d", id)
		}
		imp, err := q.ImportByID(ctx, id)
		if err != nil {
			return err
		}
		if err := reopen(ctx, q, imp, run); err != nil {
			return err
		}
		request, err := enqueue(ctx, q, id, limits)
		if err != nil {
			return err
		}
		if request.FencingToken == nil {
			grant.BlockedBy, err = lockHolders(ctx, q, id)
			return err
		}
		grant.FencingToken = *request.FencingToken
		if err := q.TakeLocks(ctx, id); err != nil {
			return fmt.Errorf("take the locks: %w", err)
		}
		return q.SetFencingToken(ctx, id, grant.FencingToken)
	})
	if err != nil {
		return Grant{}, fmt.Errorf("acquire locks: %w", err)
	}
	if grant.FencingToken == 0 {
		// For display only.
		err = s.EnterPhase(ctx, id, Entry{Run: run, FencingToken: AnyFencingToken, Status: StatusQueued, Phase: PhaseLocking})
	}
	return grant, err
}

// enqueue returns the import's request, new or old, after having granted it if nothing
// stands in its way.
func enqueue(ctx context.Context, q *db.Queries, id int64, limits LockLimits) (db.LockRequest, error) {
	n, err := q.RequestLocks(ctx, id)
	if err == nil && n == 1 {
		err = q.RequestResources(ctx, id)
	}
	if err != nil {
		return db.LockRequest{}, fmt.Errorf("request: %w", err)
	}
	request, err := q.LockRequestOf(ctx, id)
	if err != nil || request.FencingToken != nil {
		return request, err
	}
	// A new request is the last in the queue: it need not grant others, and checking them all would
	// make it slow to join a long queue.
	others, err := lockHolders(ctx, q, id)
	if err != nil || len(others) > 0 {
		return request, err
	}
	if granted, err := grant(ctx, q, id, request.SiteID, limits); err != nil || granted != roomFound {
		return request, err
	}
	return q.LockRequestOf(ctx, id)
}

// room says whether the limits have let a grant happen.
type room int

// What became of a request that no other request blocks.
const (
	roomFound room = iota
	// roomLackingOnSite means that the site has as many as it may, others may have room.
	roomLackingOnSite
	roomLacking
)

// grant grants a request that no other request blocks, if the limits allow it.
func grant(ctx context.Context, q *db.Queries, id, siteID int64, limits LockLimits) (room, error) {
	counts, err := q.GrantedCounts(ctx, siteID)
	if err != nil {
		return roomLacking, fmt.Errorf("count grants: %w", err)
	}
	if limits.Running > 0 && counts.Total >= limits.Running {
		return roomLacking, nil
	}
	if limits.RunningPerSite > 0 && counts.OfSite >= limits.RunningPerSite {
		return roomLackingOnSite, nil
	}
	if _, err := q.GrantLocks(ctx, id); err != nil {
		return roomLacking, fmt.Errorf("grant: %w", err)
	}
	if err := q.LogGrant(ctx, id); err != nil {
		return roomLacking, fmt.Errorf("log the grant: %w", err)
	}
	return roomFound, nil
}

// grantWaiting grants what can be granted among the requests about the resources, or
// among all if there are none.
func grantWaiting(ctx context.Context, q *db.Queries, limits LockLimits, resources []string) ([]Woken, error) {
	waiting, err := q.Grantable(ctx, resources)
	if err != nil {
		return nil, fmt.Errorf("find what can be granted: %w", err)
	}
	var woken []Woken
	for _, w := range waiting {
		granted, err := grant(ctx, q, w.ImportID, w.SiteID, limits)
		if err != nil {
			return nil, err
		}
		if granted == roomLacking {
			break
		}
		if granted == roomLackingOnSite {
			continue
		}
		site, err := q.SiteByID(ctx, w.SiteID)
		if err != nil {
			return nil, fmt.Errorf("read the site: %w", err)
		}
		woken = append(woken, Woken{ImportID: w.ImportID, Domain: site.Domain})
	}
	return woken, nil
}

// releaseLocks takes the import's request out of the queue and grants what has waited
// for it. The caller has locked the grants.
func releaseLocks(ctx context.Context, q *db.Queries, id int64, limits LockLimits) ([]Woken, error) {
	resources, err := q.ListDependencies(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("list dependencies: %w", err)
	}
	released, err := q.ReleaseLocks(ctx, id)
	if store.NoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("release locks: %w", err)
	}
	if err := q.SetFencingToken(ctx, id, 0); err != nil {
		return nil, fmt.Errorf("clear the fencing token: %w", err)
	}
	if err := q.LogRelease(ctx, released.FencingToken); err != nil {
		return nil, fmt.Errorf("log the release: %w", err)
	}
	// If a limit applies, any import may be next; otherwise only those that waited for the same
	// resources.
	names := []string{}
	if limits == (LockLimits{}) {
		for _, r := range resources {
			names = append(names, r.Resource)
		}
		if len(names) == 0 {
			return nil, nil
		}
	}
	return grantWaiting(ctx, q, limits, names)
}

// GrantWaiting grants what can be granted, for when limits have been raised, and
// returns all grants that a workflow has not learnt of within the time.
func (s *Store) GrantWaiting(ctx context.Context, limits LockLimits, overdue time.Duration) ([]Woken, error) {
	var woken []Woken
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		if err := q.LockGrants(ctx); err != nil {
			return fmt.Errorf("lock the grants: %w", err)
		}
		var err error
		woken, err = grantWaiting(ctx, q, limits, []string{})
		if err != nil {
			return err
		}
		late, err := q.UntakenGrants(ctx, ptr(time.Now().Add(-overdue)))
		if err != nil {
			return fmt.Errorf("find grants that were not taken: %w", err)
		}
		for _, l := range late {
			woken = append(woken, Woken(l))
		}
		return nil
	})
	return woken, err
}

func lockHolders(ctx context.Context, q *db.Queries, id int64) ([]LockHolder, error) {
	rows, err := q.BlockingRequests(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("find the lock holders: %w", err)
	}
	list := make([]LockHolder, len(rows))
	for i, r := range rows {
		list[i] = LockHolder{ImportID: r.ImportID, Resource: r.Resource}
	}
	return list, nil
}

// BlockedBy returns up to five imports that an import waits for.
func (s *Store) BlockedBy(ctx context.Context, id int64) ([]LockHolder, error) {
	return lockHolders(ctx, s.sql.Queries, id)
}
