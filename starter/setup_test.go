package starter_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/csv"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	accessstore "github.com/sluicehq/sluice/store/access"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
)

const site = "example.com"

// setup returns a system with a site and without a worker.
func setup(t *testing.T) *enginetest.System {
	t.Helper()
	s := enginetest.NewSystem(t, importers.NewRegistry(enginetest.Impatient(noop.New()), csv.New()))
	s.AddSite(t, site)
	return s
}

func request(args string) starter.Request {
	return starter.Request{Site: site, Source: "noop", Args: json.RawMessage(args)}
}

// withoutTemporal returns a starter whose Temporal server does not answer.
func withoutTemporal(t *testing.T, s *enginetest.System) *starter.Starter {
	t.Helper()
	c, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1", Logger: nil})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	away := *s.Starter
	away.Temporal = c
	return &away
}

// refusing returns a starter whose Temporal server refuses the requests of a method, such as CreateSchedule, with an
// error.
func refusing(t *testing.T, s *enginetest.System, method string, refusal error) *starter.Starter {
	t.Helper()
	options, err := starter.TemporalOptions(slog.New(slog.DiscardHandler), s.Environ())
	require.NoError(t, err)
	options.ConnectionOptions.DialOptions = []grpc.DialOption{grpc.WithUnaryInterceptor(func(
		ctx context.Context, name string, request, reply any, conn *grpc.ClientConn, next grpc.UnaryInvoker, calls ...grpc.CallOption,
	) error {
		if strings.HasSuffix(name, "/"+method) {
			return refusal
		}
		return next(ctx, name, request, reply, conn, calls...)
	})}
	c, err := client.NewLazyClient(options)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	through := *s.Starter
	through.Temporal = c
	return &through
}

// asAnn returns a context in which an operator acts, whose changes are recorded in the audit.
func asAnn(t *testing.T) context.Context {
	t.Helper()
	return access.With(enginetest.Context(t), access.CLI("ann"))
}

// audit returns entries of the audit, the oldest first.
func audit(t *testing.T, s *dispatchstore.Store, f accessstore.AuditFilter) []accessstore.Entry {
	t.Helper()
	entries, err := accessstore.New(s.Store).Audit(enginetest.Context(t), f, accessstore.Page{})
	require.NoError(t, err)
	slices.Reverse(entries)
	return entries
}
