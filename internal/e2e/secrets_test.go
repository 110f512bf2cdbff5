package e2e

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/worker"
)

// lockedBuffer takes what several goroutines log.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

// Write appends.
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

// withPassword puts a password into a DSN.
func withPassword(t *testing.T, dsn, password string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	u.User = url.UserPassword(u.User.Username(), password)
	return u.String()
}

// A password that the worker knows is nowhere to be found: in no history, no row that
// users see and no line of a log, also not after everything has gone wrong.
func TestSecretsStayInside(t *testing.T) {
	const secret = "pl4nted-s3cr3t"
	t.Setenv("SLUICE_PLANTED", secret)
	s := setupNoop(t)
	ctx := enginetest.Context(t)
	storeProxy, storeDSN := enginetest.NewProxy(t, s.Settings.Store.DSN)
	warehouseProxy, warehouseDSN := enginetest.NewProxy(t, s.Settings.Warehouse.DSN)
	var logged lockedBuffer
	s.Tune = func(cfg *worker.Config) {
		cfg.Settings.Store.DSN = withPassword(t, storeDSN, secret)
		cfg.Settings.Warehouse.DSN = withPassword(t, warehouseDSN, secret)
		cfg.Logger = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
		cfg.Temporal.Logger = log.NewStructuredLogger(cfg.Logger)
	}
	stop := s.StartWorker(t)

	imp := s.noop(site, `{"rows": 3000, "delay": "50ms", "bad_rows": 5}`)
	s.WaitLoading(t, imp.ID)
	warehouseProxy.Cut()
	inTrouble := func(now store.ImportSummary) bool { return now.Import.Trouble != "" }
	s.WaitFor(t, imp.ID, "in trouble without a warehouse", inTrouble)
	warehouseProxy.Mend()
	storeProxy.Cut()
	storeProxy.Mend()
	s.end(imp, store.StatusCompleted)
	failed := s.noop(site, `{"start_date": "2022-01-01", "end_date": "2022-01-01", "fail": "plan", "permanent": true}`)
	s.end(failed, store.StatusFailed)
	require.NoError(t, s.Starter.Delete(ctx, failed.ID))
	require.NoError(t, s.Starter.WaitDeleted(ctx, failed.ID))
	ids := s.workflowIDs()
	stop()

	seen := map[string]string{"the log": logged.String()}
	require.Contains(t, seen["the log"], "worker started", "something was logged at all")
	for _, id := range ids {
		history, err := protojson.Marshal(s.History(t, id, ""))
		require.NoError(t, err)
		seen["history "+id] = string(history)
	}
	require.Len(t, seen, 4, "two imports, a deletion and the log")
	rows, err := s.Store.Summaries(ctx, store.Listing{Limit: 100})
	require.NoError(t, err)
	text, err := json.Marshal(rows)
	require.NoError(t, err)
	seen["imports"] = string(text)
	for _, row := range rows {
		parts, err := s.Store.ListParts(ctx, row.Import.ID)
		require.NoError(t, err)
		text, err := json.Marshal(parts)
		require.NoError(t, err)
		seen["parts"] += string(text)
		for _, line := range s.feedback(row.Import.ID) {
			seen["feedback"] += line
		}
	}
	for where, text := range seen {
		require.NotContains(t, text, secret, where)
	}
}
