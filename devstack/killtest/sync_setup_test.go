package killtest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/devstack/stack"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/delay"
	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/internal/fakeometria"
	"github.com/sluicehq/sluice/internal/listcompare"
	"github.com/sluicehq/sluice/starter"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

// The budgets of the accounts. The rate is above that of Ometria's contracts, so that the test is short.
const (
	syncRate        = 20
	syncConnections = 8
)

// synced is a stack with two worker processes that keep lists of a fake Mailchimp equal to contacts of a
// fake Ometria.
type synced struct {
	*system
	db        *pgxpool.Pool
	rows      *syncstore.Store
	syncs     *syncclient.Syncs
	mailchimp *fakemailchimp.Server
	ometria   *fakeometria.Server
	model     *model
	workers   [2]process
}

// syncOf returns the name of a list's sync.
func syncOf(list string) string { return "sync-" + list }

func newSynced(t *testing.T, m *model) *synced {
	t.Helper()
	s := &synced{
		system: newSystem(t, folder(t), false), model: m,
		mailchimp: fakemailchimp.New(fakemailchimp.Config{Before: m.beforeRead}),
		ometria:   fakeometria.New(fakeometria.Config{Rate: syncRate, Queue: -1, Invalid: invalidContact}),
	}
	m.fill(s.mailchimp)
	s.migrate(t)
	s.rows = syncstore.New(s.store.Store)
	kinds := components.Stock(s.settings).Kinds
	s.syncs = &syncclient.Syncs{Temporal: s.temporal, Store: s.rows, Kinds: kinds, AnswerTimeout: answerTimeout}
	var err error
	s.db, err = pgxpool.New(t.Context(), s.settings.Store.DSN)
	require.NoError(t, err)
	t.Cleanup(s.db.Close)

	from, to := httptest.NewServer(s.mailchimp), httptest.NewServer(s.ometria)
	t.Cleanup(from.Close)
	t.Cleanup(to.Close)
	known := &connections.Connections{
		Store: s.store.Deliveries, Registry: kinds,
		Vault: connections.NewVault(connections.VaultConfig{KeysetFile: s.stack.Env()[stack.EnvKeysetFile]}),
	}
	for _, c := range []connections.New{
		{Name: "mc", Kind: "mailchimp", Secrets: map[string]string{"api_key": fakemailchimp.Key}, Settings: json.RawMessage(
			fmt.Sprintf(`{"endpoint": %q, "connections": %d}`, from.URL+"/3.0", syncConnections))},
		{Name: "om", Kind: "ometria", Secrets: map[string]string{"api_key": fakeometria.Key}, Settings: json.RawMessage(
			fmt.Sprintf(`{"endpoint": %q, "requests_per_second": %d}`, to.URL+"/v2", syncRate))},
	} {
		_, err := known.Add(t.Context(), c)
		require.NoError(t, err)
	}
	for i := range s.workers {
		s.workers[i] = s.spawnWorker(t)
	}
	return s
}

// create creates the sync of each list, which begins its full load.
func (s *synced) create(ctx context.Context, t *testing.T) {
	t.Helper()
	for _, list := range s.model.lists {
		_, err := s.syncs.Create(ctx, syncclient.NewSync{
			Name: syncOf(list), FromKind: "mailchimp", FromConnection: "mc", List: list,
			ToKind: "ometria", ToConnection: "om", Every: 24 * time.Hour,
		})
		require.NoError(t, err)
	}
}

// drive runs a sync again whenever its run has ended, until ctx ends. What it asks may be dead right now.
func (s *synced) drive(ctx context.Context, name string) error {
	for delay.Wait(ctx, 8*tryEvery) == nil {
		attempt, cancel := context.WithTimeout(ctx, answerTimeout)
		runs, err := s.rows.History(attempt, name, syncstore.RunFilter{}, 0, 1)
		if err == nil && (len(runs) == 0 || runs[0].Status != syncstore.StatusRunning) {
			// An error means that Temporal or all workers are dead: the next attempt follows.
			_ = s.syncs.Run(attempt, name, starter.By{Who: "test"}) //nolint:errcheck // see above
		}
		cancel()
	}
	return nil
}

// expireScans makes scans for deletions due at random times, until ctx ends.
func (s *synced) expireScans(ctx context.Context, rng *rand.Rand) error {
	for delay.Wait(ctx, time.Duration(2000+rng.IntN(8000))*time.Millisecond) == nil {
		if err := s.expireScan(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

func (s *synced) expireScan(ctx context.Context) error {
	_, err := s.db.Exec(ctx, `WITH syncs AS (UPDATE syncs SET created_at = now() - interval '2 days')
		UPDATE sync_known SET scanned_at = now() - interval '2 days'`)
	return err
}

// settle waits until each sync has delivered all changes, and has scanned twice for deletions since the last of
// them. A scan that had begun before that may end in the first of three rounds, and makes its scan undue.
func (s *synced) settle(ctx context.Context, t *testing.T) {
	t.Helper()
	last := s.model.lastChange()
	for range 3 {
		require.NoError(t, s.expireScan(ctx))
		var since time.Time
		require.NoError(t, s.db.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&since))
		for _, list := range s.model.lists {
			poll(ctx, t, "a run of "+syncOf(list)+" with all changes", func(ctx context.Context) bool {
				var n int
				err := s.db.QueryRow(ctx, `SELECT count(*) FROM sync_runs
					WHERE sync = $1 AND status = 'succeeded' AND started_at > $2 AND until >= $3`, syncOf(list), since, last).Scan(&n)
				return err == nil && n > 0
			})
		}
	}
}

// requireEqual compares all lists with their contacts.
func (s *synced) requireEqual(ctx context.Context, t *testing.T) {
	t.Helper()
	contacts, invalid := s.ometria.Records(), s.ometria.Invalid()
	for _, list := range s.model.lists {
		rejects, err := s.rows.Rejects(ctx, syncOf(list), syncstore.RejectFilter{}, 0, 10_000)
		require.NoError(t, err)
		rejected, malformed := map[string]bool{}, s.model.malformed(list)
		for _, r := range rejects {
			rejected[r.Key] = true
			// A contact that never was valid cannot be opted out.
			assert.True(t, malformed[r.Key] || s.model.gone(list, r.Key), "a valid member was rejected: %s: %s", r.Stage, r.Reason)
		}
		report := listcompare.Compare(listcompare.Input{
			List: list, Members: s.mailchimp.MembersOf(list), Contacts: contacts, Rejected: rejected, Invalid: invalid,
		})
		assert.Empty(t, report.Different, "list %s", list)
		assert.Len(t, malformed, report.Rejected)
		var exceeded bool
		require.NoError(t, s.db.QueryRow(ctx, "SELECT exceeded FROM sync_known WHERE sync = $1", syncOf(list)).Scan(&exceeded))
		assert.False(t, exceeded, "more members were missing than were deleted")
		report.Different = nil
		t.Logf("list %s: %+v", list, report)
	}
}

// requireBudgets checks what the fakes have counted.
func (s *synced) requireBudgets(t *testing.T) {
	t.Helper()
	assert.Zero(t, s.mailchimp.Over(), "requests above the connections of Mailchimp")
	assert.LessOrEqual(t, s.mailchimp.Peak(), syncConnections, "simultaneous connections to Mailchimp")
	assert.Zero(t, s.ometria.Over(), "requests above the rate of Ometria")
	assert.LessOrEqual(t, s.ometria.Largest(), 100, "records of a request")
}

// requireAccounts checks that all records of all runs are accounted for, page by page.
func (s *synced) requireAccounts(ctx context.Context, t *testing.T) {
	t.Helper()
	var runs, succeeded, wrong int
	require.NoError(t, s.db.QueryRow(ctx, `
		SELECT count(*), count(*) FILTER (WHERE r.status = 'succeeded'),
		       count(*) FILTER (WHERE r.read <> r.delivered + r.rejected OR r.status = 'succeeded' AND NOT r.done
		           OR (r.pages, r.read, r.delivered, r.rejected) IS DISTINCT FROM (p.pages, p.read, p.delivered, p.rejected))
		FROM sync_runs r
		CROSS JOIN LATERAL (SELECT count(*) AS pages, coalesce(sum(read), 0) AS read, coalesce(sum(delivered), 0) AS delivered,
		                           coalesce(sum(rejected), 0) AS rejected FROM sync_pages WHERE run_id = r.id AND page > 0) p`).Scan(
		&runs, &succeeded, &wrong))
	assert.Zero(t, wrong, "runs whose records are not accounted for")
	assert.GreaterOrEqual(t, succeeded, 3*len(s.model.lists))
	t.Logf("%d runs, %d of them succeeded", runs, succeeded)
}
