package starter_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/store"
	accessstore "github.com/sluicehq/sluice/store/access"
	importstore "github.com/sluicehq/sluice/store/importing"
)

var (
	ann = starter.By{Who: "ann", Why: "a test"}
	bob = starter.By{Who: "bob", Why: "looks right"}
)

// Imports of several sites are controlled in one system.
func TestControl(t *testing.T) {
	t.Parallel()
	s := setupSlow(t)
	for domain, test := range map[string]func(t *testing.T, s *enginetest.System, r starter.Request){
		"commands.example": testCommands, "decide.example": testDecide, "behind.example": testRecoverBehind,
	} {
		t.Run(domain, func(t *testing.T) {
			t.Parallel()
			s.AddSite(t, domain)
			test(t, s, starter.Request{Site: domain, Source: "noop", By: "ann"})
		})
	}
}

// with returns a request with arguments.
func with(r starter.Request, args string) starter.Request {
	r.Args = json.RawMessage(args)
	return r
}

// A running import is paused, slowed down, resumed and cancelled; what it cannot do now is refused with the reason.
func testCommands(t *testing.T, s *enginetest.System, r starter.Request) {
	t.Helper()
	ctx := asAnn(t)
	imp, err := s.Starter.StartImport(ctx, with(r, slowArgs))
	require.NoError(t, err)
	id := strconv.FormatInt(imp.ID, 10)
	s.WaitLoading(t, imp.ID)
	require.NoError(t, s.Starter.Pause(ctx, imp.ID, ann))
	paused := s.WaitFor(t, imp.ID, "paused", func(now importstore.Summary) bool { return now.Import.Paused })
	require.False(t, importstore.Ended(paused.Import.Status))
	require.NoError(t, s.Starter.SetRate(ctx, imp.ID, 1000, ann))
	require.NoError(t, s.Starter.Resume(ctx, imp.ID, ann))
	s.WaitFor(t, imp.ID, "loading again", func(now importstore.Summary) bool {
		return !now.Import.Paused && now.RowsLoaded > paused.RowsLoaded
	})
	now, err := s.Store.Imports.Import(ctx, imp.ID)
	require.NoError(t, err)
	require.EqualValues(t, 1000, now.Rate)
	for name, call := range map[string]func() error{
		"rate":            func() error { return s.Starter.SetRate(ctx, imp.ID, -1, ann) },
		"part":            func() error { return s.Starter.RetryPart(ctx, imp.ID, 0, ann) },
		"skip":            func() error { return s.Starter.SkipPart(ctx, imp.ID, 7, ann) },
		"skip for no why": func() error { return s.Starter.SkipPart(ctx, imp.ID, 0, starter.By{Who: "ann"}) },
	} {
		require.ErrorIs(t, call(), starter.ErrRefused, name)
	}
	err = s.Starter.Decide(ctx, imp.ID, importstore.Accepted, bob)
	require.ErrorIs(t, err, store.ErrConflict)
	require.ErrorContains(t, err, "import "+id+" does not wait for a decision: it is running")
	require.ErrorIs(t, s.Starter.Decide(ctx, 404, importstore.Accepted, bob), store.ErrNotFound)
	require.ErrorIs(t, s.Starter.Pause(ctx, 404, ann), store.ErrNotFound)
	require.NoError(t, s.Starter.Cancel(ctx, imp.ID, ann))
	require.Equal(t, importstore.StatusCancelled, s.Wait(t, imp.ID).Import.Status)

	type entry struct{ operation, subject, site, err string }
	var got []entry
	for _, e := range audit(t, s.Store, accessstore.AuditFilter{Site: r.Site}) {
		refused := ""
		if e.Error != "" {
			refused = "refused"
		}
		got = append(got, entry{e.Operation, e.SubjectID, e.Site, refused})
	}
	require.ElementsMatch(t, []entry{
		{"import.start", id, r.Site, ""},
		{"import.pause", id, r.Site, ""},
		{"import.set_rate", id, r.Site, ""},
		{"import.resume", id, r.Site, ""},
		{"import.set_rate", id, r.Site, "refused"},
		{"import.retry_part", id, r.Site, "refused"},
		{"import.skip_part", id, r.Site, "refused"},
		{"import.skip_part", id, r.Site, "refused"},
		{"import.cancel", id, r.Site, ""},
	}, got, "an import that does not exist is not in it")
}

// One decision is made about an import, by a person who did not request it, and with a reason to decline.
func testDecide(t *testing.T, s *enginetest.System, r starter.Request) {
	t.Helper()
	strict := *s.Starter
	strict.Review.RequireSecondApprover = true
	ctx := enginetest.Context(t)
	yes := true
	r.Review = &yes
	imp, err := strict.StartImport(ctx, with(r, `{"rows": 3}`))
	require.NoError(t, err)
	inReview := func(now importstore.Summary) bool { return now.Import.Status == importstore.StatusInReview }
	s.WaitFor(t, imp.ID, "in review", inReview)
	require.ErrorIs(t, s.Starter.Decide(ctx, imp.ID, importstore.Accepted, ann), importstore.ErrSelfReview)
	require.ErrorIs(t, s.Starter.Decide(ctx, imp.ID, importstore.Declined, starter.By{Who: "bob"}), starter.ErrRefused)
	require.ErrorIs(t, s.Starter.Decide(ctx, imp.ID, "maybe", bob), starter.ErrRefused)
	faults := enginetest.AtOnce(3, func(i int) error {
		return s.Starter.Decide(ctx, imp.ID, importstore.Accepted, starter.By{Who: string(rune('b' + i)), Why: "looks right"})
	})
	decided := 0
	for _, fault := range faults {
		if fault == nil {
			decided++
		} else {
			require.True(t, errors.Is(fault, importstore.ErrDecided) || errors.Is(fault, starter.ErrRefused), fault)
		}
	}
	require.Equal(t, 1, decided)
	require.Equal(t, importstore.StatusCompleted, s.Wait(t, imp.ID).Import.Status)
	err = s.Starter.Decide(ctx, imp.ID, importstore.Declined, bob)
	require.ErrorIs(t, err, importstore.ErrDecided)
	require.ErrorContains(t, err, fmt.Sprintf("import %d was accepted by ", imp.ID))

	// All imports of the site go, the accepted one too.
	second := s.Start(t, with(r, `{"rows": 3, "start_date": "2022-01-01", "end_date": "2022-01-31"}`))
	s.WaitFor(t, second.ID, "in review", inReview)
	require.NoError(t, s.Starter.Decide(ctx, second.ID, importstore.Declined, ann))
	require.Equal(t, importstore.StatusDeclined, s.Wait(t, second.ID).Import.Status)
	ids, err := s.Starter.ForgetImports(ctx, r.Site)
	require.NoError(t, err)
	require.Equal(t, []int64{imp.ID, second.ID}, ids)
	for _, id := range ids {
		require.NoError(t, s.Starter.WaitDeleted(ctx, id))
	}
	_, err = s.Store.Imports.Import(ctx, imp.ID)
	require.ErrorIs(t, err, store.ErrNotFound)
}

// What Temporal does not answer is the error of a command, and nothing is recorded of it beside the audit.
func testCommandsWithoutTemporal(t *testing.T, s *enginetest.System) {
	t.Helper()
	ctx := enginetest.Context(t)
	imp := s.Start(t, request(`{"rows": 3}`))
	denied := serviceerror.NewPermissionDenied("away", "")
	err := refusing(t, s, "DescribeWorkflowExecution", denied).Pause(ctx, imp.ID, ann)
	require.EqualError(t, err, "describe the workflow of import 1: away")
	_, err = refusing(t, s, "DescribeWorkflowExecution", denied).Recover(ctx, imp.ID)
	require.EqualError(t, err, "describe the workflow of import 1: away")
	err = refusing(t, s, "UpdateWorkflowExecution", denied).Pause(ctx, imp.ID, ann)
	require.EqualError(t, err, "pause of import 1: away")
	// Without an answer to the command the cancellation is requested from Temporal, which does not answer either.
	away := refusing(t, s, "RequestCancelWorkflowExecution", denied)
	away.AnswerTimeout = 100 * time.Millisecond
	require.EqualError(t, away.Cancel(ctx, imp.ID, ann), "cancel import 1: away")
	require.Empty(t, feedback(t, s, imp.ID))

	// A workflow that is gone is started again by the command, but not over and over.
	require.NoError(t, s.Temporal.TerminateWorkflow(ctx, imp.WorkflowID, "", "a mistake"))
	sql := enginetest.ConnectStore(t, s.Settings.Store.DSN)
	_, err = sql.Exec(ctx, "UPDATE imports SET recover_after = now() + interval '1 hour'")
	require.NoError(t, err)
	err = s.Starter.Pause(ctx, imp.ID, ann)
	require.ErrorIs(t, err, store.ErrConflict)
	require.ErrorContains(t, err, "the workflow of import 1 does not run, and is started again within an hour: repeat the command then")
	_, err = sql.Exec(ctx, "UPDATE imports SET recover_after = NULL")
	require.NoError(t, err)
	err = refusing(t, s, "StartWorkflowExecution", denied).Pause(ctx, imp.ID, ann)
	require.EqualError(t, err, "start the workflow of import 1 again: away")
	var recoveries int
	require.NoError(t, sql.QueryRow(ctx, "SELECT recoveries FROM imports WHERE recover_after IS NULL").Scan(&recoveries))
	require.Zero(t, recoveries, "a recovery that did not begin does not delay the next one")
	err = refusing(t, s, "GetWorkflowExecutionHistory", denied).Pause(ctx, imp.ID, ann)
	require.EqualError(t, err, "read why the workflow of import 1 is closed: away")

	for name, call := range map[string]func(s *starter.Starter) error{
		"test of a connection": func(s *starter.Starter) error { _, err := s.TestConnection(ctx, "shop", "example"); return err },
		"dry run":              func(s *starter.Starter) error { _, err := s.DryRun(ctx, request(`{"rows": 3}`)); return err },
		"rotation of salts":    func(s *starter.Starter) error { return s.RestoreSaltRotation(ctx) },
	} {
		method := "StartWorkflowExecution"
		if name == "rotation of salts" {
			method = "CreateSchedule"
		}
		require.ErrorContains(t, call(refusing(t, s, method, denied)), "away", name)
	}
	terminated := make(chan error, 1)
	go func() {
		_, err := s.Starter.TestConnection(context.WithoutCancel(ctx), "shop", "example")
		terminated <- err
	}()
	require.Eventually(t, func() bool {
		return s.Temporal.TerminateWorkflow(context.Background(), "connection-test/shop", "", "a mistake") == nil
	}, 30*time.Second, 20*time.Millisecond)
	require.ErrorContains(t, <-terminated, "test connection shop: ")
}
