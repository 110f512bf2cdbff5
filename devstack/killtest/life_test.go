package killtest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations/webhook/webhooktest"
	"github.com/sluicehq/sluice/devstack/stack"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/components"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/worker"
)

// life is a system for tests of the life cycle of imports: with an importer that leaves traces, and
// an endpoint that receives the notifications of every import.
type life struct {
	*system
	// traces is the folder of the importer's.
	traces string
	// db looks at the store past its methods.
	db       *pgxpool.Pool
	gate     *gate
	receiver *webhooktest.Receiver
}

// answerTimeout is how long people wait for a worker's answer before they ask again.
const answerTimeout = 5 * time.Second

func newLife(t *testing.T) *life {
	t.Helper()
	l := &life{traces: t.TempDir(), gate: newGate()}
	require.NoError(t, makeTraces(l.traces))
	l.system = newSystem(t, folder(t), true, func(cfg *stack.Config) {
		env := map[string]string{
			envTraces: l.traces, "SLUICE_NOTIFY_WEBHOOKS": "told",
		}
		maps.Copy(env, cfg.EngineEnv)
		cfg.EngineEnv = env
	})
	l.starter.Registry, l.starter.AnswerTimeout = l.registry(), answerTimeout
	ctx := bounded(t)
	var err error
	l.db, err = pgxpool.New(ctx, l.settings.Store.DSN)
	require.NoError(t, err)
	t.Cleanup(l.db.Close)
	_, err = l.db.Exec(ctx, "CREATE TABLE "+stagedTable+" (import_id bigint NOT NULL)")
	require.NoError(t, err)

	l.receiver = webhooktest.Start(t, l.gate.answer)
	t.Cleanup(l.gate.release)
	known := &connections.Connections{
		Store: l.store.Deliveries, Registry: components.Stock(config.Config{}).Kinds,
		Vault: connections.NewVault(connections.VaultConfig{KeysetFile: l.stack.Env()[stack.EnvKeysetFile]}),
	}
	_, err = known.Add(ctx, l.receiver.Connection("told").New())
	require.NoError(t, err)
	return l
}

func (l *life) registry() *importers.Registry {
	return importers.NewRegistry(tracer{Importer: noop.New(), dir: l.traces})
}

// runTracingWorker is the worker of these tests.
func runTracingWorker(ctx context.Context) error {
	return runWorkerProcess(ctx, func(cfg *worker.Config) {
		cfg.Registry = importers.NewRegistry(tracer{Importer: noop.New(), dir: os.Getenv(envTraces)})
		cfg.Destinations = couriers()
		cfg.Circuit = deliverystore.CircuitRule{First: time.Second, Max: 4 * time.Second}
	})
}

// tracesOf returns the traces of a kind.
func (l *life) tracesOf(t *testing.T, kind string) map[string]bool {
	t.Helper()
	entries, err := os.ReadDir(tracer{dir: l.traces}.trace(kind, ""))
	require.NoError(t, err)
	names := map[string]bool{}
	for _, entry := range entries {
		names[entry.Name()] = true
	}
	return names
}

func name(id int64) string { return strconv.FormatInt(id, 10) }

// lifeBound bounds a test of the life cycle: several times what it takes.
const lifeBound = 11 * time.Minute

// boundedLife returns the context of a test. If the test fails, what has not ended is
// shown.
func (l *life) boundedLife(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), lifeBound)
	t.Cleanup(cancel)
	t.Cleanup(func() {
		if t.Failed() {
			l.showUnfinished(t)
		}
	})
	return ctx
}

func (l *life) showUnfinished(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	all, err := l.store.Imports.Summaries(ctx, importstore.Listing{Limit: 1000})
	if err != nil {
		t.Logf("list the imports that have not ended: %s", err)
		return
	}
	for _, s := range all {
		if importstore.Ended(s.Import.Status) {
			continue
		}
		t.Logf("import %d, %s: %s, %s, fencing token %d, paused %t, attempt error %q", s.Import.ID, s.Import.Label, s.Import.Status,
			s.Import.Phase, s.Import.FencingToken, s.Import.Paused, s.Import.AttemptError)
		now, err := l.temporal.DescribeWorkflowExecution(ctx, s.Import.WorkflowID, "")
		t.Logf("its workflow: %v, %v, pending %v, %v", now.GetWorkflowExecutionInfo().GetStatus(), err,
			now.GetPendingActivities(), now.GetPendingWorkflowTask())
	}
}

// tryEvery is how often people look, and ask again.
const tryEvery = 25 * time.Millisecond

// until calls look until it says that it has seen enough, or returns an error that is
// final. Whatever look asks may be dead right now.
func until(ctx context.Context, what string, look func(ctx context.Context) (seen bool, err error)) error {
	ticker := time.NewTicker(tryEvery)
	defer ticker.Stop()
	for {
		attempt, cancel := context.WithTimeout(ctx, 3*answerTimeout)
		seen, err := look(attempt)
		cancel()
		if seen || err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("while waiting for %s: %w", what, context.Cause(ctx)), err)
		}
	}
}
