package failure_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/failure"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse/history"
)

func TestOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want failure.Class
		err  error
	}{
		{failure.None, nil},
		{failure.Unauthenticated, access.ErrUnauthenticated},
		{failure.Forbidden, access.ErrForbidden},
		{failure.Invalid, starter.ErrInvalid},
		{failure.NotFound, store.ErrNotFound},
		{failure.NotFound, connections.ErrNotFound},
		{failure.Taken, store.ErrTaken},
		{failure.Limit, importstore.ErrMaxImports},
		{failure.InUse, store.ErrInUse},
		{failure.Decided, importstore.ErrDecided},
		{failure.SelfReview, importstore.ErrSelfReview},
		{failure.Conflict, starter.ErrRefused},
		{failure.Conflict, store.ErrConflict},
		{failure.Conflict, importstore.ErrOverlap},
		{failure.Keyset, connections.ErrNoKeyset},
		{failure.Source, &starter.CheckError{ImportID: 1, Reason: "no file"}},
		{failure.NoWorker, starter.ErrNoWorker},
		{failure.Late, context.DeadlineExceeded},
		{failure.Unavailable, &net.OpError{Op: "dial", Err: errors.New("refused")}},
		{failure.Unavailable, &pgconn.PgError{Code: "57P03"}},
		{failure.Unavailable, fmt.Errorf("read: %w", io.ErrUnexpectedEOF)},
		{failure.Unavailable, fmt.Errorf("read the history: %w", history.ErrBusy)},
		{failure.Unavailable, serviceerror.NewUnavailable("away")},
		{failure.Invalid, &pgconn.PgError{Code: "22021"}},
		{failure.Invalid, &pgconn.PgError{Code: "22008"}},
		{failure.Conflict, serviceerror.NewNotFound("no workflow")},
		{failure.Internal, &pgconn.PgError{Code: "23505"}},
		{failure.Internal, errors.New("something else")},
	} {
		require.Equal(t, c.want, failure.Of(c.err), "%v", c.err)
		if c.err != nil {
			require.Equal(t, c.want, failure.Of(fmt.Errorf("start import: %w", c.err)))
		}
	}
}
