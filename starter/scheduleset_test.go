package starter_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/store"
	accessstore "github.com/sluicehq/sluice/store/access"
	"github.com/sluicehq/sluice/workflows"
)

// unchanged is a check of a change that finds nothing.
func unchanged(starter.Schedule) error { return nil }

// Schedules, and an import, in one system without a worker.
func TestWithoutWorker(t *testing.T) {
	t.Parallel()
	s := setup(t)
	for name, test := range map[string]func(t *testing.T, s *enginetest.System){
		"set": testSetSchedule, "set refuses": testSetScheduleRefuses, "Temporal refuses": testScheduleThatTemporalRefuses,
		"sync": testSyncSchedule, "adopt": testAdoptSchedule, "foreign": testForeignSchedule, "away": testSchedulesWithoutTemporal,
		"long note": testLongNote, "of sites": testSchedulesOf, "commands": testCommandsWithoutTemporal,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, s)
		})
	}
}

// A schedule is replaced as a whole, but for its pause, here and in Temporal.
func testSetSchedule(t *testing.T, s *enginetest.System) {
	t.Helper()
	ctx := asAnn(t)
	n := newSchedule("nightly", `{"rows": 3}`)
	n.Paused = true
	created, err := s.Starter.CreateSchedule(ctx, n)
	require.NoError(t, err)
	parallelism := 7
	n.Request.Args, n.Timing = json.RawMessage(`{"rows": 4}`), starter.Timing{Every: 2 * time.Hour}
	n.Overlap, n.Catchup, n.Note, n.PauseAfterFailures = starter.OverlapBufferOne, time.Minute, "the shop's history", 5
	n.Settings.Parallelism, n.Paused = &parallelism, false
	changed, err := s.Starter.SetSchedule(ctx, n, func(now starter.Schedule) error {
		require.Equal(t, []any{created.Timing, created.Request}, []any{now.Timing, now.Request}, "as it is before the change")
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, []any{
		starter.Timing{Every: 2 * time.Hour, TimeZone: "UTC"}, starter.OverlapBufferOne, time.Minute, "the shop's history", 5, true,
	}, []any{changed.Timing, changed.Overlap, changed.Catchup, changed.Note, changed.PauseAfterFailures, changed.Paused})
	require.Contains(t, string(changed.Request.Args), `"rows":4`)
	require.Equal(t, 7, *changed.Request.Settings.Parallelism)
	require.Zero(t, changed.Next[0].Hour()%2)
	require.Equal(t, created.CreatedAt.Unix(), changed.CreatedAt.Unix())
	inTemporal, err := s.Temporal.ScheduleClient().GetHandle(ctx, workflows.ScheduleID("nightly")).Describe(ctx)
	require.NoError(t, err)
	require.Equal(t, []any{2 * time.Hour, "the shop's history"},
		[]any{inTemporal.Schedule.Spec.Intervals[0].Every, inTemporal.Schedule.State.Note})
	stored, err := s.Starter.StoredSchedule(ctx, "nightly")
	require.NoError(t, err)
	require.Equal(t, []any{changed.Request, changed.Timing, changed.Paused}, []any{stored.Request, stored.Timing, stored.Paused})
	require.Empty(t, stored.Next, "the store does not know when it runs")

	entries := audit(t, s.Store, accessstore.AuditFilter{SubjectType: "schedule", SubjectID: "nightly"})
	require.Len(t, entries, 2)
	require.Equal(t, []string{"schedule.create", "schedule.set"}, []string{entries[0].Operation, entries[1].Operation})
	set := entries[1]
	require.Equal(t, []string{"nightly", site, "ann", ""}, []string{set.SubjectID, set.Site, set.Who, set.Error})
	require.Contains(t, string(set.Before), `"rows": 3`)
	require.Contains(t, string(set.After), `"rows": 4`)
}

// What is wrong with a change is said, and the schedule stays as it is.
func testSetScheduleRefuses(t *testing.T, s *enginetest.System) {
	t.Helper()
	ctx := enginetest.Context(t)
	created := create(t, s, newSchedule("refused-1", `{"rows": 3}`))
	stale := errors.New("it has another version")
	for name, tc := range map[string]struct {
		change func(n *starter.NewSchedule)
		check  func(starter.Schedule) error
		is     error
		want   string
	}{
		"timing": {func(n *starter.NewSchedule) { n.Timing = starter.Timing{} }, unchanged, starter.ErrInvalid, "say when it runs"},
		"site":   {func(n *starter.NewSchedule) { n.Request.Site = "missing.example" }, unchanged, store.ErrNotFound, "site missing.example: not found"},
		"args": {
			func(n *starter.NewSchedule) { n.Request.Args = json.RawMessage(`{"rowz": 1}`) }, unchanged, starter.ErrInvalid,
			`unknown argument "rowz"`,
		},
		"size": {
			func(n *starter.NewSchedule) {
				n.Request.Args = json.RawMessage(`{"data": "` + strings.Repeat("x", 33_000) + `"}`)
			}, unchanged, starter.ErrInvalid, "bytes, most of them arguments: at most 32768 are allowed",
		},
		"unknown": {func(n *starter.NewSchedule) { n.Name = "unknown" }, unchanged, store.ErrNotFound, "schedule unknown: not found"},
		"stale":   {func(*starter.NewSchedule) {}, func(starter.Schedule) error { return stale }, stale, "it has another version"},
		"at once": {func(*starter.NewSchedule) {}, func(starter.Schedule) error {
			other := newSchedule("refused-1", `{"rows": 5}`)
			_, err := s.Starter.SetSchedule(ctx, other, unchanged)
			return err
		}, store.ErrConflict, "change schedule refused-1"},
	} {
		n := newSchedule("refused-1", `{"rows": 4}`)
		tc.change(&n)
		_, err := s.Starter.SetSchedule(ctx, n, tc.check)
		require.ErrorIs(t, err, tc.is, name)
		require.ErrorContains(t, err, tc.want, name)
	}
	_, err := s.Starter.SetSchedule(ctx, newSchedule("refused-1", `{"rows": 3}`), unchanged)
	require.NoError(t, err)

	// What Temporal refuses for ever leaves nothing behind; what it does not take now is applied later.
	refused := refusing(t, s, "UpdateSchedule", serviceerror.NewInvalidArgument("no such calendar"))
	n := newSchedule("refused-1", `{"rows": 4}`)
	n.Note = "changed"
	_, err = refused.SetSchedule(ctx, n, unchanged)
	require.ErrorIs(t, err, starter.ErrInvalid)
	require.ErrorContains(t, err, "no such calendar")
	now, err := s.Starter.StoredSchedule(ctx, "refused-1")
	require.NoError(t, err)
	require.Equal(t, []any{created.Request, ""}, []any{now.Request, now.Note})
	refused = refusing(t, s, "UpdateSchedule", serviceerror.NewPermissionDenied("away", ""))
	_, err = refused.SetSchedule(ctx, n, unchanged)
	require.NotErrorIs(t, err, starter.ErrInvalid)
	require.ErrorContains(t, err, "change schedule refused-1: the store has recorded it, and workers retry until Temporal has it, too: ")
	done, err := s.Starter.SyncSchedule(ctx, "refused-1")
	require.NoError(t, err)
	require.Equal(t, "changed", done)
	now, err = s.Starter.Schedule(ctx, "refused-1")
	require.NoError(t, err)
	require.Equal(t, "changed", now.Note)
}

// A schedule that Temporal refuses for ever is not created, and one that is to be deleted is none.
func testScheduleThatTemporalRefuses(t *testing.T, s *enginetest.System) {
	t.Helper()
	ctx := enginetest.Context(t)
	refused := refusing(t, s, "CreateSchedule", serviceerror.NewInvalidArgument("no such attribute"))
	_, err := refused.CreateSchedule(ctx, newSchedule("unwanted", `{}`))
	require.ErrorIs(t, err, starter.ErrInvalid)
	require.ErrorContains(t, err, "no such attribute")
	_, err = s.Starter.StoredSchedule(ctx, "unwanted")
	require.ErrorIs(t, err, store.ErrNotFound)

	create(t, s, newSchedule("unwanted", `{}`))
	away := refusing(t, s, "DeleteSchedule", serviceerror.NewPermissionDenied("away", ""))
	err = away.DeleteSchedule(ctx, "unwanted")
	require.ErrorContains(t, err, "delete schedule unwanted: the store has recorded it, and workers retry")
	_, err = s.Starter.Schedule(ctx, "unwanted")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = s.Starter.StoredSchedule(ctx, "unwanted")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = s.Starter.SetSchedule(ctx, newSchedule("unwanted", `{}`), unchanged)
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = s.Starter.BackfillTimes(ctx, "unwanted", time.Now().Add(-time.Hour), time.Now().Add(-time.Minute))
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = away.CreateSchedule(ctx, newSchedule("unwanted", `{}`))
	require.ErrorContains(t, err, "delete schedule unwanted: ", "the old one goes first")
	again := create(t, s, newSchedule("unwanted", `{"rows": 9}`))
	require.Contains(t, string(again.Request.Args), `"rows":9`)
}

// A note is cut between two letters.
func testLongNote(t *testing.T, s *enginetest.System) {
	t.Helper()
	ctx := enginetest.Context(t)
	create(t, s, newSchedule("noted", `{}`))
	require.NoError(t, s.Starter.PauseSchedule(ctx, "noted", starter.By{Who: "ann", Why: strings.Repeat("ä", 1000)}))
	now, err := s.Starter.Schedule(ctx, "noted")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(now.Note, "paused by ann: ää"))
	require.True(t, strings.HasSuffix(now.Note, "ä..."), now.Note)
	require.LessOrEqual(t, len(now.Note), 1000)
}

// Schedules are listed by name, in pages, those of some sites.
func testSchedulesOf(t *testing.T, s *enginetest.System) {
	t.Helper()
	ctx := enginetest.Context(t)
	both := []string{"first.example", "second.example"}
	for _, domain := range both {
		s.AddSite(t, domain)
	}
	for name, domain := range map[string]string{"a": both[0], "b": both[1], "c": both[0]} {
		n := newSchedule(name, `{}`)
		n.Request.Site = domain
		create(t, s, n)
	}
	names := func(sites []string, after string, limit int32) (all []string) {
		t.Helper()
		list, err := s.Starter.SchedulesOf(ctx, starter.ScheduleFilter{Sites: sites}, after, limit)
		require.NoError(t, err)
		for _, one := range list {
			require.NotEmpty(t, one.Next)
			all = append(all, one.Name)
		}
		return all
	}
	require.Equal(t, []string{"a", "b", "c"}, names(both, "", 10))
	require.Equal(t, []string{"a", "b"}, names(both, "", 2))
	require.Equal(t, []string{"c"}, names(both, "b", 2))
	require.Equal(t, []string{"a", "c"}, names(both[:1], "", 10))
	require.Empty(t, names([]string{}, "", 10))
	require.Equal(t, []string{"a"}, names(nil, "", 1), "of all sites")
	require.NoError(t, s.Starter.PauseSchedule(ctx, "b", starter.By{Who: "ann"}))
	for _, c := range []struct {
		filter starter.ScheduleFilter
		want   []string
	}{
		{starter.ScheduleFilter{State: starter.SchedulePaused}, []string{"b"}},
		{starter.ScheduleFilter{State: starter.ScheduleActive, Source: "noop"}, []string{"a", "c"}},
		{starter.ScheduleFilter{Source: "csv"}, nil},
		{starter.ScheduleFilter{Text: " SECOND "}, []string{"b"}},
		{starter.ScheduleFilter{Text: "B"}, []string{"b"}},
		{starter.ScheduleFilter{Text: "noop", Sites: both[:1]}, []string{"a", "c"}},
		{starter.ScheduleFilter{Text: "%"}, nil},
	} {
		if c.filter.Sites == nil {
			c.filter.Sites = both
		}
		stored, err := s.Starter.SchedulesOf(ctx, c.filter, "", 10)
		require.NoError(t, err)
		listed, more, err := s.Starter.Schedules(ctx, c.filter, 10)
		require.NoError(t, err)
		require.False(t, more)
		for _, list := range [][]starter.Schedule{stored, listed} {
			var found []string
			for _, one := range list {
				found = append(found, one.Name)
			}
			require.Equal(t, c.want, found, "%+v", c.filter)
		}
	}
	listed, more, err := s.Starter.Schedules(ctx, starter.ScheduleFilter{Sites: both[:1]}, 1)
	require.NoError(t, err)
	require.True(t, more)
	require.Equal(t, "a", listed[0].Name)
	_, err = refusing(t, s, "DescribeSchedule", serviceerror.NewPermissionDenied("away", "")).SchedulesOf(ctx, starter.ScheduleFilter{Sites: both}, "", 10)
	require.ErrorContains(t, err, "describe schedule a: away")
	gone, cancel := context.WithCancel(ctx)
	cancel()
	_, err = s.Starter.SchedulesOf(gone, starter.ScheduleFilter{}, "", 10)
	require.ErrorIs(t, err, context.Canceled)
}
