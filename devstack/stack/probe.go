package stack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"go.temporal.io/api/operatorservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/sluicehq/sluice/config"
)

// probePostgres connects and asks for a row.
func probePostgres(dsn string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return err
		}
		var one int
		err = conn.QueryRow(ctx, "SELECT 1").Scan(&one)
		return errors.Join(err, conn.Close(ctx))
	}
}

// probeEventLog reads what NATS says to a new connection: that it has JetStream.
func probeEventLog(address string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		deadline, ok := ctx.Deadline()
		if ok {
			err = conn.SetReadDeadline(deadline)
		}
		var line string
		if err == nil {
			line, err = bufio.NewReader(io.LimitReader(conn, 1<<16)).ReadString('\n')
		}
		err = errors.Join(err, conn.Close())
		if err != nil {
			return err
		}
		if !strings.HasPrefix(line, "INFO ") || !strings.Contains(line, `"jetstream":true`) {
			return errors.New("the event log is not ready")
		}
		return nil
	}
}

// probeHTTP expects status 200.
func probeHTTP(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return err
		}
		// A connection of its own: a kept-alive one would outlive the engine
		// that it is to prove alive.
		req.Close = true
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16))
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("GET %s: %s", url, resp.Status)
		}
		return nil
	}
}

// probeTemporal asks the frontend for its health and for the search attributes,
// which are the last thing that the server's start sets up, and the Web UI for
// a page.
func probeTemporal(address, uiAddress string, attributes []string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return err
		}
		err = errors.Join(checkFrontend(ctx, conn, attributes), conn.Close())
		if err == nil && uiAddress != "" {
			err = probeHTTP("http://" + uiAddress + "/healthz")(ctx)
		}
		return err
	}
}

func checkFrontend(ctx context.Context, conn *grpc.ClientConn, attributes []string) error {
	health, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{
		Service: "temporal.api.workflowservice.v1.WorkflowService",
	})
	if err != nil {
		return err
	}
	if health.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("frontend is %s", health.GetStatus())
	}
	have, err := operatorservice.NewOperatorServiceClient(conn).ListSearchAttributes(ctx,
		&operatorservice.ListSearchAttributesRequest{Namespace: config.DefaultNamespace})
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(attributes, func(name string) bool { return have.GetCustomAttributes()[name] == 0 }); i >= 0 {
		return fmt.Errorf("search attribute %s is not registered yet", attributes[i])
	}
	return nil
}
