package starter_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/store"
	accessstore "github.com/sluicehq/sluice/store/access"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// locker is an importer with locks of its own, which waits for a decision unless a request says otherwise.
type locker struct {
	importers.Importer
	name  string
	locks []importers.Dependency
	err   error
}

func (l locker) Name() string { return l.name }

func (l locker) Dependencies(string, []byte) ([]importers.Dependency, error) { return l.locks, l.err }

func (locker) ReviewByDefault() bool { return true }

// Every fault of a request is named at once.
func TestRequestFaults(t *testing.T) {
	t.Parallel()
	s, _ := onStore(t)
	_, err := s.CreateImport(enginetest.Context(t), starter.Request{
		Site: site, Source: "noop", By: strings.Repeat("b", 201), RowsPerSecond: -1, Notify: append(make([]string, 19), "ann@example.com", "nobody"),
	})
	require.ErrorIs(t, err, starter.ErrInvalid)
	lines := strings.Split(err.Error(), "\n")
	require.Equal(t, []string{"the name of who asks has 201 bytes: at most 200 are allowed", "21 addresses to notify: at most 20 are allowed"}, lines[:2])
	require.Equal(t, []string{
		`"nobody" is not an e-mail address: want something like ann@example.com`, "-1 rows a second: want 0, for no bound, or more",
	}, lines[len(lines)-2:])
	require.Len(t, lines, 2+19+2)
}

// What an importer locks is checked before its import exists, also for a dry run and a schedule.
func TestDependencyFaults(t *testing.T) {
	t.Parallel()
	many := make([]importers.Dependency, importers.MaxDependencies+1)
	faults := map[string]locker{
		"dependencies of %s: no such shop":                     {err: errors.New("no such shop")},
		"importer %s: 51 dependencies: at most 50 are allowed": {locks: many},
		"importer %s: a resource of 0 bytes: want 1 to 200":    {locks: many[:1]},
		"importer %s: a resource of 201 bytes: want 1 to 200":  {locks: []importers.Dependency{{Resource: strings.Repeat("x", 201)}}},
		`importer %s: resource "shop" is given twice`:          {locks: []importers.Dependency{{Resource: "shop"}, {Resource: "shop", Shared: true}}},
	}
	wants := map[string]string{}
	var all []importers.Importer
	for want, one := range faults {
		one.Importer, one.name = noop.New(), fmt.Sprintf("locker_%d", len(all))
		wants[one.name] = fmt.Sprintf(want, one.name)
		all = append(all, one)
	}
	s, _ := onStore(t, all...)
	ctx := enginetest.Context(t)
	for name, want := range wants {
		r := starter.Request{Site: site, Source: name}
		_, err := s.CreateImport(ctx, r)
		require.EqualError(t, err, want)
		_, err = s.DryRun(ctx, r)
		require.EqualError(t, err, want)
		n := newSchedule("nightly", `{}`)
		n.Request = r
		_, err = s.CreateSchedule(ctx, n)
		require.EqualError(t, err, want)
	}
	created, err := s.Store.Imports.Summaries(ctx, importstore.Listing{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, created)
}

// An import waits for a decision if its importer or its request says so; its creation is in the audit.
func TestReviewByDefault(t *testing.T) {
	t.Parallel()
	s, _ := onStore(t, locker{Importer: noop.New(), name: "locker", locks: []importers.Dependency{{Resource: "shop", Shared: true}}})
	s.Review.RequireSecondApprover = true
	yes, no := true, false
	for _, tc := range []struct {
		source string
		review *bool
		want   bool
	}{{"locker", nil, true}, {"locker", &no, false}, {"noop", nil, false}, {"noop", &yes, true}} {
		imp, err := s.CreateImport(asAnn(t), starter.Request{Site: site, Source: tc.source, Review: tc.review, By: "ann"})
		require.NoError(t, err)
		require.Equal(t, []bool{tc.want, true}, []bool{imp.Review, imp.RequireSecondApprover})
	}
	s.Limits.ImportsPerSite = 4
	_, err := s.CreateImport(enginetest.Context(t), starter.Request{Site: site, Source: "noop"})
	require.ErrorIs(t, err, store.ErrLimit)
	var after struct {
		Source, By string
		Args       json.RawMessage
	}
	entries := audit(t, s.Store, accessstore.AuditFilter{SubjectType: "import"})
	require.Len(t, entries, 4)
	require.NoError(t, json.Unmarshal(entries[0].After, &after))
	require.Equal(t, []string{"import.start", site, "1", "locker", "ann"},
		[]string{entries[0].Operation, entries[0].Site, entries[0].SubjectID, after.Source, after.By})
}

// All imports of a site are deleted, once none is under way.
func TestForgetImportsRefuses(t *testing.T) {
	t.Parallel()
	s, _ := onStore(t)
	ctx := enginetest.Context(t)
	_, err := s.ForgetImports(ctx, "missing.example")
	require.ErrorIs(t, err, store.ErrNotFound)
	none, err := s.ForgetImports(ctx, site)
	require.NoError(t, err)
	require.Empty(t, none)
	imp, err := s.CreateImport(ctx, starter.Request{Site: site, Source: "noop"})
	require.NoError(t, err)
	_, err = s.ForgetImports(ctx, site)
	require.ErrorIs(t, err, store.ErrConflict)
	require.ErrorContains(t, err, "1 imports of example.com are under way, wait for them or cancel them first")
	err = s.Delete(asAnn(t), imp.ID)
	require.ErrorIs(t, err, store.ErrConflict)
	require.ErrorContains(t, err, "import 1 is queued, cancel it first with `sluice import cancel 1`")
	require.ErrorIs(t, s.Delete(asAnn(t), 404), store.ErrNotFound)
	now, err := s.Store.Imports.Import(ctx, imp.ID)
	require.NoError(t, err)
	require.Equal(t, importstore.StatusQueued, now.Status)
}

// What waits ends with the store or with its caller.
func TestWaitingEnds(t *testing.T) {
	t.Parallel()
	s, _ := onStore(t)
	imp, err := s.CreateImport(enginetest.Context(t), starter.Request{Site: site, Source: "noop"})
	require.NoError(t, err)
	gone, cancel := context.WithCancel(enginetest.Context(t))
	cancel()
	require.ErrorIs(t, s.WaitDeleted(gone, imp.ID), context.Canceled)
	_, err = s.Wait(gone, imp.ID, nil)
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.AwaitCheck(gone, imp, 0)
	require.ErrorIs(t, err, context.Canceled)
	same, err := s.AwaitCheck(enginetest.Context(t), imp, 0)
	require.NoError(t, err, "the import continues without an answer")
	require.Nil(t, same.CheckedAt)
}
