package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	sdk "go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// The SDK's helper runs the binary that it is given as it would the Temporal
// CLI.
func TestStartDevServer(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "dev.db")
	server, err := testsuite.StartDevServer(t.Context(), testsuite.DevServerOptions{
		ExistingPath: os.Args[0],
		ClientOptions: &client.Options{
			Namespace: "mine", Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
		},
		DBFilename: db, EnableUI: true, LogLevel: "error", LogFormat: "json",
		SearchAttributes: sdk.NewSearchAttributes(sdk.NewSearchAttributeKeyInt64("Rows").ValueSet(1)),
		ExtraArgs: []string{
			"--ui-port", freePort(t), "--dynamic-config-value", `system.note={"a":[1,2],"b":"c,d"}`,
			"--sqlite-pragma", "synchronous=off", "--search-attribute", "Tenant=Keyword",
		},
		Stdout: &output{}, Stderr: &output{},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	c := server.Client()

	hello := func(workflow.Context) (string, error) { return "hello", nil }
	w := worker.New(c, "q", worker.Options{})
	w.RegisterWorkflowWithOptions(hello, workflow.RegisterOptions{Name: "Hello"})
	require.NoError(t, w.Start())
	defer w.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: "q"}, "Hello")
	require.NoError(t, err)
	var said string
	require.NoError(t, run.Get(ctx, &said))
	require.Equal(t, "hello", said)

	attributes, err := c.OperatorService().ListSearchAttributes(ctx,
		&operatorservice.ListSearchAttributesRequest{Namespace: "mine"})
	require.NoError(t, err)
	require.Equal(t, map[string]enumspb.IndexedValueType{
		"Rows": enumspb.INDEXED_VALUE_TYPE_INT, "Tenant": enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	}, attributes.GetCustomAttributes())
	require.FileExists(t, db)
}
