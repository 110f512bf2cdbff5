package starter_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/store/delivery"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// onStore returns a starter with a store alone, which has the sites example.com and other.example and notifies by
// mailer, and a plain connection to its database.
func onStore(t *testing.T, more ...importers.Importer) (*starter.Starter, *pgx.Conn) {
	t.Helper()
	opened, sql := enginetest.OpenStore(t)
	joined := dispatchstore.New(opened, mailer{})
	for _, domain := range []string{site, "other.example"} {
		_, err := joined.Imports.AddSite(enginetest.Context(t), importstore.NewSite{
			Domain: domain, TimeZone: "UTC", Contacts: []string{"contact@" + domain},
		})
		require.NoError(t, err)
	}
	defaults := config.Default()
	return &starter.Starter{
		Store: joined, Registry: importers.NewRegistry(append(more, noop.New())...), Defaults: defaults.Import,
		Review: defaults.Review, Limits: defaults.Limits,
	}, sql
}

// queued creates an import of a site and requests its locks.
func queued(t *testing.T, s *starter.Starter, domain, args string) int64 {
	t.Helper()
	ctx := enginetest.Context(t)
	imp, err := s.CreateImport(ctx, starter.Request{Site: domain, Source: "noop", Args: json.RawMessage(args)})
	require.NoError(t, err)
	_, err = s.Store.Imports.AcquireLocks(ctx, imp.ID, "run", importstore.LockLimits{})
	require.NoError(t, err)
	return imp.ID
}

// Holders and waiters of each resource are listed in their order, in pages, those of a scope.
func TestLocks(t *testing.T) {
	t.Parallel()
	s, _ := onStore(t)
	ctx := enginetest.Context(t)
	queued(t, s, site, `{}`)
	queued(t, s, site, `{}`)
	shared := `{"locks": [{"resource": "shop", "shared": true}]}`
	queued(t, s, site, shared)
	queued(t, s, "other.example", shared)
	list := func(scope access.Scope, f starter.LockFilter) (lines []string) {
		t.Helper()
		f.Limit = max(f.Limit, 1)
		for {
			locks, err := s.Locks(ctx, scope, f)
			require.NoError(t, err)
			if len(locks) == 0 {
				return lines
			}
			for _, l := range locks {
				require.Equal(t, l.State == "held", l.GrantedAt != nil && l.FencingToken > 0)
				require.WithinDuration(t, time.Now(), l.RequestedAt, time.Minute)
				lines = append(lines, fmt.Sprintf("%s %s %s %d %s", l.Resource, l.Mode, l.State, l.ImportID, l.Site))
				f.AfterResource, f.AfterPlace = l.Resource, l.Place
			}
		}
	}
	all := []string{
		"shop shared held 3 example.com", "shop shared held 4 other.example", "site:example.com exclusive held 1 example.com",
		"site:example.com exclusive waiting 2 example.com",
	}
	for _, limit := range []int{1, 2, 100} {
		require.Equal(t, all, list(access.AllSites(), starter.LockFilter{Limit: limit}))
	}
	require.Equal(t, all[:2], list(access.AllSites(), starter.LockFilter{Resource: "shop"}))
	require.Equal(t, all[1:2], list(access.Sites("other.example"), starter.LockFilter{}))
	require.Empty(t, list(access.Scope{}, starter.LockFilter{}))
}

// mailer is a notifier that makes a job for each address.
type mailer struct{}

func (mailer) Webhooks() []string { return nil }

func (mailer) Jobs(
	_ context.Context, _ importstore.Announcement, r dispatchstore.Recipients,
) (jobs []delivery.NewJob, faults []error) {
	for range r.Addresses {
		jobs = append(jobs, delivery.NewJob{Destination: "smtp", Action: "send"})
	}
	return jobs, nil
}

func (mailer) SyncJobs(context.Context, dispatchstore.SyncAlarm, dispatchstore.Recipients) ([]delivery.NewJob, []error) {
	return []delivery.NewJob{{Destination: "smtp", Action: "send"}}, nil
}

// Notifications are listed with the numbers of their jobs, the newest first; those about syncs belong to no site.
func TestNotifications(t *testing.T) {
	t.Parallel()
	s, sql := onStore(t)
	ctx := enginetest.Context(t)
	ended := func(domain string) int64 {
		t.Helper()
		r := starter.Request{Site: domain, Source: "noop", Notify: []string{"ann@example.com"}}
		imp, err := s.CreateImport(ctx, r)
		require.NoError(t, err)
		_, err = s.Store.Imports.Finish(ctx, imp.ID, importstore.End{Status: importstore.StatusFailed, Reason: "x"}, importstore.LockLimits{})
		require.NoError(t, err)
		return imp.ID
	}
	first, second := ended(site), ended("other.example")
	claim, err := s.Store.Deliveries.ClaimDue(ctx, delivery.ClaimRequest{
		Destination: "smtp", Action: "send", Limit: 10, Concurrency: 10, Lease: time.Minute,
	})
	require.NoError(t, err)
	require.Len(t, claim.Jobs, 4)
	states := map[string][]string{site: {delivery.JobSucceeded, delivery.JobDiscarded}, "other.example": {delivery.JobSucceeded, delivery.JobSucceeded}}
	for _, job := range claim.Jobs {
		var about struct{ Site string }
		require.NoError(t, json.Unmarshal(job.Context, &about))
		_, err := s.Store.Deliveries.RecordOutcomes(ctx, []delivery.JobOutcome{{
			JobID: job.ID, FencingToken: job.FencingToken, State: states[about.Site][0], Error: "refused",
		}})
		require.NoError(t, err)
		states[about.Site] = states[about.Site][1:]
	}
	_, err = sql.Exec(ctx, `INSERT INTO syncs (name, from_kind, from_connection, list_id, to_kind, to_connection, every_seconds, current_to)
		VALUES ('news', 'mailchimp', 'mc', 'a', 'ometria', 'om', 3600, now() - interval '1 day')`)
	require.NoError(t, err)
	alarms, _, err := s.Store.CheckSyncs(ctx, mailer{}, 3, 10)
	require.NoError(t, err)
	require.Len(t, alarms, 1)

	list := func(scope access.Scope, f starter.NotificationFilter) (lines []string) {
		t.Helper()
		f.Limit = max(f.Limit, 1)
		for {
			sent, err := s.Notifications(ctx, scope, f)
			require.NoError(t, err)
			if len(sent) == 0 {
				return lines
			}
			for _, n := range sent {
				about := "-"
				if n.ImportID != nil {
					about = fmt.Sprintf("%d %s", *n.ImportID, *n.Site)
				}
				require.WithinDuration(t, time.Now(), n.SentAt, time.Minute)
				lines = append(lines, fmt.Sprintf("%s %s: %d jobs, %d delivered, %d failed", n.Name, about, n.Jobs, n.Delivered, n.Failed))
				f.Before = n.ID
			}
		}
	}
	all := []string{
		"sync.late -: 1 jobs, 0 delivered, 0 failed", "import.failed 2 other.example: 2 jobs, 2 delivered, 0 failed",
		"import.failed 1 example.com: 2 jobs, 1 delivered, 1 failed",
	}
	for _, limit := range []int{1, 100} {
		require.Equal(t, all, list(access.AllSites(), starter.NotificationFilter{Limit: limit}))
	}
	require.Equal(t, all[2:], list(access.AllSites(), starter.NotificationFilter{ImportID: first}))
	require.Equal(t, all[1:2], list(access.Sites("other.example"), starter.NotificationFilter{}))
	require.Empty(t, list(access.Sites(site), starter.NotificationFilter{ImportID: second}))
}
