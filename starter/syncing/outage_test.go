package syncing_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
	"github.com/sluicehq/sluice/store"
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

// outages are outages of the servers of a system.
type outages struct {
	*enginetest.System
	store    *enginetest.StoreOutage
	temporal *enginetest.TemporalOutage
}

func withOutages(t *testing.T, s *enginetest.System) outages {
	t.Helper()
	return outages{
		System: s, store: enginetest.NewStoreOutage(t, s.Settings.Store.DSN), temporal: s.NewTemporalOutage(t),
	}
}

// operation is a call of the starter that may be repeated.
type operation struct {
	name string
	call func(ctx context.Context, s *starter.Starter) error
}

// meet calls operations during outages that begin at each of their requests. The error tells a caller
// which server has failed, and the operation succeeds when it is repeated afterwards.
func (o outages) meet(t *testing.T, operations ...operation) {
	t.Helper()
	ctx := enginetest.Context(t)
	for _, op := range operations {
		for n := range o.store.Requests(t) {
			through := *o.Starter
			through.Store = o.store.Open(t) //nolint:contextcheck // It has the context of the test.
			err := op.call(ctx, &through)
			through.Store.Close()
			if !o.store.Met() {
				require.NoError(t, err, op.name)
				break
			}
			var away *pgconn.PgError
			require.ErrorAs(t, err, &away, "%s, outage at statement %d", op.name, n)
			require.Contains(t, []string{"57P01", "57P03"}, away.Code, op.name)
		}
		for n := range o.temporal.Requests(t) {
			through := *o.Starter
			through.Temporal = o.temporal.Dial(t)
			err := op.call(ctx, &through)
			through.Temporal.Close()
			if !o.temporal.Met() {
				require.NoError(t, err, op.name)
				break
			}
			var denied *serviceerror.PermissionDenied
			require.ErrorAs(t, err, &denied, "%s, outage at request %d", op.name, n)
		}
	}
}

func TestOutagesOfSyncs(t *testing.T) {
	t.Parallel()
	system, s, _ := setupSyncs(t)
	system.StartWorker(t)
	o := withOutages(t, system)
	syncs := func(call func(ctx context.Context, s *syncclient.Syncs) error) func(context.Context, *starter.Starter) error {
		return func(ctx context.Context, through *starter.Starter) error {
			return call(ctx, &syncclient.Syncs{
				Temporal: through.Temporal, Store: syncstore.New(through.Store.Store), Kinds: s.Kinds, AnswerTimeout: s.AnswerTimeout,
			})
		}
	}
	_, err := s.Create(enginetest.Context(t), newSync("news"))
	require.NoError(t, err)
	o.meet(t,
		operation{"show", syncs(func(ctx context.Context, s *syncclient.Syncs) error {
			_, err := s.Show(ctx, "news")
			return err
		})},
		operation{"set", syncs(func(ctx context.Context, s *syncclient.Syncs) error {
			_, err := s.Set(ctx, "news", []syncclient.Change{{Name: "every", Value: fmt.Sprintf("%dm", 60+time.Now().Second())}})
			return err
		})},
		operation{"pause", syncs(func(ctx context.Context, s *syncclient.Syncs) error { return s.Pause(ctx, "news", ann) })},
		operation{"resume", syncs(func(ctx context.Context, s *syncclient.Syncs) error { return s.Resume(ctx, "news", ann) })},
		operation{"run", syncs(func(ctx context.Context, s *syncclient.Syncs) error { return s.Run(ctx, "news", ann) })},
		operation{"wake", syncs(func(ctx context.Context, s *syncclient.Syncs) error {
			row, err := s.Store.Sync(ctx, "news")
			if err != nil {
				return err
			}
			return s.Wake(ctx, row)
		})},
	)
	// The row of a sync that is being deleted goes last, so that the deletion can be repeated.
	for range o.temporal.Requests(t) {
		through := *s
		through.Temporal = o.temporal.Dial(t)
		err := through.Delete(enginetest.Context(t), "news")
		if o.temporal.Met() {
			require.Error(t, err)
		} else {
			require.NoError(t, err)
		}
	}
	_, err = s.Store.Sync(enginetest.Context(t), "news")
	require.ErrorIs(t, err, store.ErrNotFound)
}
