package stack_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	sdk "go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/devstack/stack"
)

// The three functions below write a value to an engine and read it again.

func postgres(ctx context.Context, s *stack.Stack, sql string) (value string, err error) {
	conn, err := pgx.Connect(ctx, s.Env()[stack.EnvStoreDSN])
	if err != nil {
		return "", err
	}
	defer func() {
		if cerr := conn.Close(ctx); err == nil {
			err = cerr
		}
	}()
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return "", err
	}
	values, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return strings.Join(values, " "), err
}

func clickhouse(ctx context.Context, s *stack.Stack, sql string) (string, error) {
	target := fmt.Sprintf("http://%s/?database=sluice&query=%s", s.Addresses().Warehouse, url.QueryEscape(sql))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, http.NoBody)
	if err != nil {
		return "", err
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(resp.Body)
	if cerr := resp.Body.Close(); err == nil {
		err = cerr
	}
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, body)
	}
	return strings.TrimSpace(string(body)), err
}

func temporal(t *testing.T, s *stack.Stack) client.Client {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: s.Addresses().Temporal, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// site is one of the search attributes that the stack registers.
var site = sdk.NewSearchAttributeKeyKeyword("SluiceSite")

// write leaves something in every engine.
func write(t *testing.T, s *stack.Stack) {
	t.Helper()
	ctx := within(t, time.Minute)
	_, err := postgres(ctx, s, "CREATE TABLE kept (v text)")
	require.NoError(t, err)
	_, err = postgres(ctx, s, "INSERT INTO kept VALUES ('row')")
	require.NoError(t, err)
	_, err = clickhouse(ctx, s, "CREATE TABLE kept (v String) ENGINE = MergeTree ORDER BY v")
	require.NoError(t, err)
	_, err = clickhouse(ctx, s, "INSERT INTO kept SELECT 'row'")
	require.NoError(t, err)
	_, err = temporal(t, s).ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: "kept", TaskQueue: "unused", TypedSearchAttributes: sdk.NewSearchAttributes(site.ValueSet("example.com")),
	}, "Kept")
	require.NoError(t, err)
}

// requireKept finds what write has left.
func requireKept(t *testing.T, s *stack.Stack) {
	t.Helper()
	ctx := within(t, time.Minute)
	row, err := postgres(ctx, s, "SELECT v FROM kept")
	require.NoError(t, err)
	require.Equal(t, "row", row)
	row, err = clickhouse(ctx, s, "SELECT v FROM kept")
	require.NoError(t, err)
	require.Equal(t, "row", row)

	c := temporal(t, s)
	d, err := c.DescribeWorkflowExecution(ctx, "kept", "")
	require.NoError(t, err)
	require.Equal(t, "Kept", d.GetWorkflowExecutionInfo().GetType().GetName())
	// Visibility is a database of its own and follows a moment later.
	require.Eventually(t, func() bool {
		found, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: "SluiceSite = 'example.com'"})
		return err == nil && len(found.GetExecutions()) == 1
	}, 30*time.Second, 50*time.Millisecond)
}
