package starter_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
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

var ann = starter.By{Who: "ann", Why: "a test"}

// A schedule whose creation was interrupted exists once: repeated, the creation finds it taken.
func TestOutageWhileCreatingASchedule(t *testing.T) {
	t.Parallel()
	s := setup(t)
	o := withOutages(t, s)
	ctx := enginetest.Context(t)
	for n := range o.temporal.Requests(t) {
		through := *s.Starter
		through.Temporal = o.temporal.Dial(t)
		_, err := through.CreateSchedule(ctx, newSchedule("nightly", `{"rows": 3}`))
		if !o.temporal.Met() {
			break
		}
		require.Error(t, err, "outage at request %d", n)
		o.temporal.End()
		if now, err := s.Starter.Schedule(ctx, "nightly"); err == nil {
			require.Equal(t, never, now.Timing)
			_, err := s.Starter.SyncSchedule(ctx, "nightly")
			require.NoError(t, err, "a worker completes it")
			require.NoError(t, s.Starter.DeleteSchedule(ctx, "nightly"))
		}
	}
	now, err := s.Starter.Schedule(ctx, "nightly")
	require.NoError(t, err)
	require.NotEmpty(t, now.Next)
}
