package enginetest

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/proxy"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// TemporalOutage is an outage of the Temporal server. During the outage it refuses requests with
// PermissionDenied, which clients do not retry.
type TemporalOutage struct {
	Outage
	// Options are those of clients that connect through the outage.
	Options client.Options
}

// NewTemporalOutage returns an outage of the Temporal server that options lead to, without TLS. It has
// not begun.
func NewTemporalOutage(tb testing.TB, options client.Options) *TemporalOutage {
	tb.Helper()
	conn, err := grpc.NewClient(options.HostPort, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, conn.Close()) })
	frontend, err := proxy.NewWorkflowServiceProxyServer(proxy.WorkflowServiceProxyOptions{
		Client: workflowservice.NewWorkflowServiceClient(conn),
	})
	require.NoError(tb, err)
	listener, err := (&net.ListenConfig{}).Listen(Context(tb), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	o := &TemporalOutage{Options: options}
	o.End()
	o.Options.HostPort = listener.Addr().String()
	server := grpc.NewServer(grpc.UnaryInterceptor(
		func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			if o.fails() {
				return nil, status.Error(codes.PermissionDenied, "Request unauthorized.")
			}
			return next(ctx, request)
		}))
	workflowservice.RegisterWorkflowServiceServer(server, frontend)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	tb.Cleanup(func() {
		server.Stop()
		require.NoError(tb, <-served)
	})
	return o
}

// Dial returns a client that connects through the outage, until the end of the test.
func (o *TemporalOutage) Dial(tb testing.TB) client.Client {
	tb.Helper()
	c, err := client.NewLazyClient(o.Options)
	require.NoError(tb, err)
	tb.Cleanup(c.Close)
	return c
}

// NewTemporalOutage returns an outage of the system's Temporal server. It has not begun.
func (s *System) NewTemporalOutage(tb testing.TB) *TemporalOutage {
	tb.Helper()
	return NewTemporalOutage(tb, s.options)
}
