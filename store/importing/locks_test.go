package importing_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/importing"
)

func exclusive(resources ...string) []importing.Dependency { return dependencies(false, resources) }

func shared(resources ...string) []importing.Dependency { return dependencies(true, resources) }

func dependencies(shared bool, resources []string) []importing.Dependency {
	list := make([]importing.Dependency, len(resources))
	for i, r := range resources {
		list[i] = importing.Dependency{Resource: r, Shared: shared}
	}
	return list
}

// locking creates an import that locks something.
func (b *bundle) locking(t require.TestingT, locks ...importing.Dependency) int64 {
	n := b.newImport("")
	n.Dependencies = locks
	imp, _, err := b.CreateImport(b.ctx, n)
	require.NoError(t, err)
	return imp.ID
}

// acquire asks for an import's locks and says whether it has got them.
func (b *bundle) acquire(t require.TestingT, id int64, limits importing.LockLimits) bool {
	grant, err := b.AcquireLocks(b.ctx, id, "run-1", limits)
	require.NoError(t, err)
	return grant.FencingToken > 0
}

func (b *bundle) release(t require.TestingT, id int64, limits importing.LockLimits) []int64 {
	woken, err := b.Store.Finish(b.ctx, id, importing.End{Status: importing.StatusCompleted}, limits)
	require.NoError(t, err)
	ids := make([]int64, len(woken))
	for i, w := range woken {
		ids[i] = w.ImportID
	}
	return ids
}

func TestLocks(t *testing.T) {
	t.Parallel()
	none := importing.LockLimits{}

	t.Run("exclusive ones come one after the other, in order", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		first, second, third := b.locking(t, exclusive("a")...), b.locking(t, exclusive("a")...), b.locking(t, exclusive("a")...)
		require.True(t, b.acquire(t, first, none))
		require.True(t, b.acquire(t, first, none), "asking again changes nothing")
		require.False(t, b.acquire(t, third, none))
		require.False(t, b.acquire(t, second, none))
		grant, err := b.AcquireLocks(b.ctx, second, "run-1", none)
		require.NoError(t, err)
		require.Equal(t, []importing.LockHolder{{ImportID: first, Resource: "a"}, {ImportID: third, Resource: "a"}}, grant.BlockedBy)
		imp, err := b.Import(b.ctx, second)
		require.NoError(t, err)
		require.Equal(t, []string{importing.StatusQueued, importing.PhaseLocking}, []string{imp.Status, imp.Phase})
		require.Nil(t, imp.StartedAt, "it has not begun")
		require.Equal(t, []int64{third}, b.release(t, first, none), "who asked first comes first")
		require.Equal(t, []int64{second}, b.release(t, third, none))
	})

	t.Run("shared ones come together, but do not starve an exclusive one", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		one, two := b.locking(t, shared("a")...), b.locking(t, shared("a")...)
		alone := b.locking(t, exclusive("a")...)
		late := b.locking(t, shared("a")...)
		require.True(t, b.acquire(t, one, none))
		require.True(t, b.acquire(t, two, none))
		require.False(t, b.acquire(t, alone, none))
		require.False(t, b.acquire(t, late, none), "it stands behind the exclusive one")
		require.Empty(t, b.release(t, one, none))
		require.Equal(t, []int64{alone}, b.release(t, two, none))
		require.Equal(t, []int64{late}, b.release(t, alone, none))
	})

	t.Run("all at once or none", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		ab, bc, c := b.locking(t, exclusive("a", "b")...), b.locking(t, exclusive("b", "c")...), b.locking(t, exclusive("c")...)
		free := b.locking(t, exclusive("d")...)
		require.True(t, b.acquire(t, ab, none))
		require.False(t, b.acquire(t, bc, none))
		require.False(t, b.acquire(t, c, none), "c is free, but the one before it comes first")
		require.True(t, b.acquire(t, free, none))
		require.Equal(t, []int64{bc}, b.release(t, ab, none))
		require.Equal(t, []int64{c}, b.release(t, bc, none))
	})

	t.Run("without dependencies nothing conflicts", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		require.True(t, b.acquire(t, b.locking(t), none))
		require.True(t, b.acquire(t, b.locking(t), none))
	})

	t.Run("one that waits and ends makes way too", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		first, second, third := b.locking(t, shared("a")...), b.locking(t, exclusive("a")...), b.locking(t, shared("a")...)
		require.True(t, b.acquire(t, first, none))
		require.False(t, b.acquire(t, second, none))
		require.False(t, b.acquire(t, third, none))
		require.NoError(t, b.Finish(b.ctx, second, importing.StatusCancelled, "cancelled", "cancelled"))
		require.True(t, b.acquire(t, third, none), "it was granted with the cancellation")
	})

	t.Run("limits of all and of a site", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		other, err := b.AddSite(b.ctx, importing.NewSite{Domain: "other.example.com", TimeZone: "UTC"})
		require.NoError(t, err)
		elsewhere := func() int64 {
			n := b.newImport("")
			n.SiteID = other.ID
			imp, _, err := b.CreateImport(b.ctx, n)
			require.NoError(t, err)
			return imp.ID
		}
		limits := importing.LockLimits{Running: 3, RunningPerSite: 2}
		one, two, three := b.locking(t), b.locking(t), b.locking(t)
		four, five := elsewhere(), elsewhere()
		require.True(t, b.acquire(t, one, limits))
		require.True(t, b.acquire(t, two, limits))
		require.False(t, b.acquire(t, three, limits), "the site has two")
		require.True(t, b.acquire(t, four, limits))
		require.False(t, b.acquire(t, five, limits), "three run")
		require.Equal(t, []int64{three}, b.release(t, one, limits))
		require.Equal(t, []int64{five}, b.release(t, four, limits))
		waiting := elsewhere()
		require.False(t, b.acquire(t, waiting, limits))
		woken, err := b.GrantWaiting(b.ctx, importing.LockLimits{Running: 4}, time.Hour)
		require.NoError(t, err)
		require.Equal(t, []importing.Woken{{ImportID: waiting, Domain: "other.example.com"}}, woken, "the limit was raised")
	})

	t.Run("a grant that is not taken is notified again", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		first, second := b.locking(t, exclusive("a")...), b.locking(t, exclusive("a")...)
		require.True(t, b.acquire(t, first, none))
		require.False(t, b.acquire(t, second, none))
		b.release(t, first, none)
		woken, err := b.GrantWaiting(b.ctx, none, -time.Minute)
		require.NoError(t, err)
		require.Equal(t, []importing.Woken{{ImportID: second, Domain: "example.com"}}, woken)
		require.True(t, b.acquire(t, second, none))
		woken, err = b.GrantWaiting(b.ctx, none, -time.Minute)
		require.NoError(t, err)
		require.Empty(t, woken)
	})

	t.Run("they are listed by site and page", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		first := b.locking(t, exclusive("a", "b")...)
		require.True(t, b.acquire(t, first, none))
		second := b.locking(t, exclusive("b")...)
		require.False(t, b.acquire(t, second, none))
		list := func(q importing.LockQuery) (held []string) {
			q.RowLimit = 10
			locks, err := b.ListLocks(b.ctx, q)
			require.NoError(t, err)
			for _, l := range locks {
				held = append(held, fmt.Sprint(l.Resource, " ", l.ImportID))
			}
			return held
		}
		all := []string{fmt.Sprint("a ", first), fmt.Sprint("b ", first), fmt.Sprint("b ", second)}
		require.Equal(t, all, list(importing.LockQuery{}))
		require.Equal(t, all, list(importing.LockQuery{Domains: []string{b.site.Domain}}))
		require.Empty(t, list(importing.LockQuery{Domains: []string{}}))
		require.Empty(t, list(importing.LockQuery{Domains: []string{"other.example.com"}}))
		locks, err := b.ListLocks(b.ctx, importing.LockQuery{RowLimit: 2})
		require.NoError(t, err)
		last := locks[1]
		require.Equal(t, all[2:], list(importing.LockQuery{AfterResource: last.Resource, AfterSeq: last.Seq}))
	})

	t.Run("an import that has ended gets none", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		id := b.locking(t, exclusive("a")...)
		require.True(t, b.acquire(t, id, none))
		b.release(t, id, none)
		_, err := b.AcquireLocks(b.ctx, id, "run-1", none)
		require.ErrorIs(t, err, store.ErrConflict)
		_, err = b.AcquireLocks(b.ctx, 404, "run-1", none)
		require.ErrorIs(t, err, store.ErrNotFound)
		locks, err := b.ListLocks(b.ctx, importing.LockQuery{RowLimit: 10})
		require.NoError(t, err)
		require.Empty(t, locks)
	})
}

// Many take and release at once; the log of grants shows that nothing that conflicts
// was ever held at the same time, and that conflicting ones came in order.
func TestLocksAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const imports = 30
	locks := make(map[int64][]importing.Dependency, imports)
	ids := make([]int64, imports)
	for i := range ids {
		set := []importing.Dependency{
			{Resource: fmt.Sprint("r", i%4), Shared: i%3 == 0}, {Resource: fmt.Sprint("r", (i+1)%5), Shared: i%2 == 0},
		}
		if set[0].Resource == set[1].Resource {
			set = set[:1]
		}
		ids[i] = b.locking(t, set...)
		locks[ids[i]] = set
	}
	granted := make(map[int64]chan struct{}, imports)
	for _, id := range ids {
		granted[id] = make(chan struct{}, 1)
	}
	var all sync.WaitGroup
	errs := make(chan error, imports)
	for _, id := range ids {
		all.Go(func() {
			grant, err := b.AcquireLocks(b.ctx, id, "run", importing.LockLimits{})
			if err == nil && grant.FencingToken == 0 {
				<-granted[id]
				grant, err = b.AcquireLocks(b.ctx, id, "run", importing.LockLimits{})
			}
			if err == nil && grant.FencingToken == 0 {
				err = fmt.Errorf("import %d was woken without a grant", id)
			}
			woken, finishErr := b.Store.Finish(b.ctx, id, importing.End{Status: importing.StatusCompleted}, importing.LockLimits{})
			for _, w := range woken {
				granted[w.ImportID] <- struct{}{}
			}
			if err == nil {
				err = finishErr
			}
			errs <- err
		})
	}
	all.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	checkGrants(t, b, locks)
}

// lockGrant is an entry of the log of grants.
type lockGrant struct {
	ImportID, FencingToken int64
	GrantedAt              time.Time
	ReleasedAt             *time.Time
}

// checkGrants reads the log of grants: no two that conflict overlap, and of two that
// conflict the one that asked first was granted first.
func checkGrants(t require.TestingT, b *bundle, locks map[int64][]importing.Dependency) {
	rows, err := b.sql.Query(b.ctx, "SELECT import_id, fencing_token, granted_at, released_at FROM lock_grants ORDER BY seq")
	require.NoError(t, err)
	grants, err := pgx.CollectRows(rows, pgx.RowToStructByName[lockGrant])
	require.NoError(t, err)
	require.Len(t, grants, len(locks))
	for i, earlier := range grants {
		require.NotNil(t, earlier.ReleasedAt)
		for _, later := range grants[i+1:] {
			if conflict(locks[earlier.ImportID], locks[later.ImportID]) {
				require.Less(t, earlier.FencingToken, later.FencingToken)
				require.False(t, later.GrantedAt.Before(*earlier.ReleasedAt), "%d and %d overlap", earlier.ImportID, later.ImportID)
			}
		}
	}
}

func conflict(one, other []importing.Dependency) bool {
	for _, a := range one {
		for _, b := range other {
			if a.Resource == b.Resource && (!a.Shared || !b.Shared) {
				return true
			}
		}
	}
	return false
}

// Whatever the order of requests and releases, what is held is exactly what a simple
// model says: everything that nothing earlier conflicts with.
func TestLocksAgainstAModel(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rapid.Check(t, func(t *rapid.T) {
		b.exec2(t, "TRUNCATE imports CASCADE")
		var queue []int64
		locks, held := map[int64][]importing.Dependency{}, map[int64]bool{}
		grant := func() {
			for i, id := range queue {
				blocked := false
				for _, earlier := range queue[:i] {
					blocked = blocked || conflict(locks[earlier], locks[id])
				}
				if !blocked {
					held[id] = true
				}
			}
		}
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			if len(queue) == 0 || rapid.IntRange(0, 2).Draw(t, "request") > 0 {
				names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 3, rapid.ID).Draw(t, "resources")
				var set []importing.Dependency
				for _, name := range names {
					set = append(set, importing.Dependency{Resource: name, Shared: rapid.Bool().Draw(t, "shared")})
				}
				id := b.locking(t, set...)
				locks[id], queue = set, append(queue, id)
				got := b.acquire(t, id, importing.LockLimits{})
				grant()
				require.Equal(t, held[id], got)
				continue
			}
			id := rapid.SampledFrom(queue).Draw(t, "ends")
			queue = slices.DeleteFunc(queue, func(other int64) bool { return other == id })
			before := len(held)
			delete(held, id)
			if before != len(held) {
				before--
			}
			woken := b.release(t, id, importing.LockLimits{})
			grant()
			require.Len(t, woken, len(held)-before)
			for _, w := range woken {
				require.True(t, held[w])
			}
		}
	})
}

// exec2 runs a statement behind the store's back, in a property test.
func (b *bundle) exec2(t require.TestingT, statement string) {
	_, err := b.sql.Exec(b.ctx, statement)
	require.NoError(t, err)
}
