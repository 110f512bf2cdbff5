package killtest_test

import (
	"context"
	"log/slog"
	"maps"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/devstack/sluice"
	"github.com/sluicehq/sluice/devstack/stack"
	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/internal/wiring"
	importstore "github.com/sluicehq/sluice/store/importing"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// ingestion is a stack that takes events: with the event log, a server and a worker.
type ingestion struct {
	*system
	// env are variables of server and workers, beside those of the stack.
	env map[string]string
	// db looks at the store past its methods.
	db   *pgxpool.Pool
	kept *ingeststore.Store
	log  *eventlog.Log
}

// newIngestion starts a stack that takes events. env has further variables of its processes.
func newIngestion(t *testing.T, env map[string]string) *ingestion {
	t.Helper()
	i := &ingestion{env: env}
	i.system = newSystem(t, folder(t), true, func(cfg *stack.Config) {
		cfg.Server = &stack.Server{Ready: sluice.Hooks().ServerReady}
		all := maps.Clone(cfg.EngineEnv)
		maps.Copy(all, env)
		cfg.EngineEnv = all
	})
	i.kept = ingeststore.New(i.store.Store)
	var err error
	i.settings, err = config.Load("", stack.WithEnv(stack.WithEnv(os.Environ(), i.stack.Env()), env))
	require.NoError(t, err)
	i.db, err = pgxpool.New(t.Context(), i.settings.Store.DSN)
	require.NoError(t, err)
	t.Cleanup(i.db.Close)
	i.log, err = eventlog.Open(bounded(t), wiring.EventLog(i.settings.EventLog, slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	t.Cleanup(i.log.Close)
	return i
}

// addSite adds a site. change, if there is one, changes its settings.
func (i *ingestion) addSite(t *testing.T, domain, zone string, change func(*ingeststore.Settings)) importstore.Site {
	t.Helper()
	site, err := i.store.Imports.AddSite(t.Context(), importstore.NewSite{Domain: domain, TimeZone: zone})
	require.NoError(t, err)
	if change == nil {
		return site
	}
	_, err = i.kept.ChangeSite(t.Context(), domain, func(site *ingeststore.Site) error {
		change(&site.Settings)
		return nil
	})
	require.NoError(t, err)
	return site
}

// addKey returns a key for an authorised sender of a site.
func (i *ingestion) addKey(t *testing.T, domain string) string {
	t.Helper()
	_, secret, err := i.kept.CreateKey(t.Context(), domain, "")
	require.NoError(t, err)
	return secret.Reveal()
}

// How long writers may take, and how often their progress is read.
const (
	writtenWithin = 3 * time.Minute
	writtenEvery  = 200 * time.Millisecond
)

// awaitWritten waits until the writers of a store have written all messages of the log, and requires that
// no record was rejected.
func (i *ingestion) awaitWritten(ctx context.Context, t *testing.T, kept *ingeststore.Store) {
	t.Helper()
	polltest.Until(t, func(c *polltest.Check) {
		positions, err := kept.Positions(ctx)
		require.NoError(c, err)
		require.Len(c, positions, i.log.Partitions())
		for _, p := range positions {
			stats, err := i.log.Stats(ctx, int(p.Partition))
			require.NoError(c, err)
			assert.EqualValues(c, stats.Last+1, p.Next, "next message of partition %d", p.Partition)
		}
	}, writtenWithin, writtenEvery)
	progress, err := kept.WriterProgress(ctx)
	require.NoError(t, err)
	require.Zero(t, progress.Poisoned, "records that could not be written")
}
