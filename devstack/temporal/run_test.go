package temporal

import (
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
)

func attributesOf(t *testing.T, c client.Client, namespace string) map[string]enumspb.IndexedValueType {
	t.Helper()
	resp, err := c.OperatorService().ListSearchAttributes(t.Context(),
		&operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	require.NoError(t, err)
	return resp.GetCustomAttributes()
}

func TestRun(t *testing.T) {
	t.Parallel()

	t.Run("in memory runs a workflow", func(t *testing.T) {
		t.Parallel()
		c := dial(t, start(t, Config{Headless: true}).address)
		w := worker.New(c, benchQueue, worker.Options{})
		w.RegisterWorkflow(chain)
		w.RegisterActivity(nothing)
		require.NoError(t, w.Start())
		defer w.Stop()
		require.NoError(t, executeChain(c, 3))
	})

	t.Run("registers search attributes with a new file and with an old one", func(t *testing.T) {
		t.Parallel()
		cfg := Config{
			Headless: true, DBFilename: filepath.Join(t.TempDir(), "deep", "temporal.db"), Namespaces: []string{"extra"},
			SearchAttributes: map[string]enumspb.IndexedValueType{"SluiceSite": enumspb.INDEXED_VALUE_TYPE_KEYWORD},
		}
		s := start(t, cfg)
		c := dial(t, s.address)
		for _, namespace := range []string{DefaultNamespace, "extra"} {
			require.Equal(t, cfg.SearchAttributes, attributesOf(t, c, namespace))
		}
		s.stop()

		cfg.SearchAttributes = map[string]enumspb.IndexedValueType{
			"SluiceSite": enumspb.INDEXED_VALUE_TYPE_KEYWORD, "SluiceRows": enumspb.INDEXED_VALUE_TYPE_INT,
		}
		cfg.Namespaces = append(cfg.Namespaces, "later")
		c = dial(t, start(t, cfg).address)
		for _, namespace := range []string{DefaultNamespace, "extra", "later"} {
			require.Equal(t, cfg.SearchAttributes, attributesOf(t, c, namespace))
		}
	})

	t.Run("refuses to change a search attribute's type", func(t *testing.T) {
		t.Parallel()
		cfg := Config{
			Headless: true, DBFilename: filepath.Join(t.TempDir(), "temporal.db"),
			SearchAttributes: map[string]enumspb.IndexedValueType{"SluiceRows": enumspb.INDEXED_VALUE_TYPE_KEYWORD},
		}
		start(t, cfg).stop()
		cfg.SearchAttributes["SluiceRows"] = enumspb.INDEXED_VALUE_TYPE_INT
		require.ErrorContains(t, Run(t.Context(), onFreePort(t, cfg)), "SluiceRows is a Keyword there and should be a Int")
	})

	t.Run("keeps closed workflows for the retention", func(t *testing.T) {
		t.Parallel()
		c := dial(t, start(t, Config{Headless: true, Retention: 48 * time.Hour}).address)
		resp, err := c.WorkflowService().DescribeNamespace(t.Context(),
			&workflowservice.DescribeNamespaceRequest{Namespace: DefaultNamespace})
		require.NoError(t, err)
		require.Equal(t, 48*time.Hour, resp.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration())
	})

	t.Run("serves the web ui and stops serving it", func(t *testing.T) {
		t.Parallel()
		s := start(t, Config{})
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.ui+"/", http.NoBody)
		require.NoError(t, err)
		req.Close = true
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		page, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Contains(t, string(page), "<html")
		s.stop()
		l, err := net.Listen("tcp", s.ui)
		require.NoError(t, err)
		require.NoError(t, l.Close())
	})

	t.Run("fails, and does not exit, when a port is taken", func(t *testing.T) {
		t.Parallel()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { require.NoError(t, l.Close()) }()
		address, ok := l.Addr().(*net.TCPAddr)
		require.True(t, ok)
		taken := address.Port
		require.ErrorContains(t, Run(t.Context(), Config{Port: taken}), "listen on "+l.Addr().String())
		ui := onFreePort(t, Config{})
		ui.UIPort = taken
		require.ErrorContains(t, Run(t.Context(), ui), "start web ui: listen on "+l.Addr().String())
	})
}
