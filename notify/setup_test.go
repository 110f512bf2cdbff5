package notify_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/csv"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/notify"
	"github.com/sluicehq/sluice/notify/email/smtptest"
	"github.com/sluicehq/sluice/notify/webhook/webhooktest"
	"github.com/sluicehq/sluice/store"
)

// bundle is a store with a site, and what dispatchers on it have logged.
type bundle struct {
	*store.Store
	ctx    context.Context
	sql    *pgx.Conn
	siteID int64
	log    *log
	cfg    notify.Config
}

// log takes what several goroutines write.
type log struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.String()
}

// opener opens connections that stand in a map.
type opener map[string]connections.Connection

func (o opener) Open(_ context.Context, name string) (connections.Connection, error) {
	c, ok := o[name]
	if !ok {
		return connections.Connection{}, fmt.Errorf("connection %s: %w", name, connections.ErrNotFound)
	}
	return c, nil
}

// setup returns a bundle whose dispatchers send mails to the server and events to the
// receivers, each under its name; nil leaves mails out.
func setup(t *testing.T, server *smtptest.Server, receivers map[string]*webhooktest.Receiver) *bundle {
	t.Helper()
	b := &bundle{ctx: enginetest.Context(t), log: &log{}}
	dsn := enginetest.StoreDSN(t)
	var err error
	b.Store, err = store.Open(b.ctx, store.Config{DSN: dsn})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	require.NoError(t, b.Migrate(b.ctx))
	b.sql, err = pgx.Connect(b.ctx, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.sql.Close(context.Background())) })
	require.NoError(t, b.sql.QueryRow(b.ctx, `INSERT INTO sites (domain, contacts)
		VALUES ('example.com', '{anna@example.com}') RETURNING id`).Scan(&b.siteID))
	settings := config.Default().Notify
	if server != nil {
		settings = server.Settings()
	}
	opened := opener{}
	for name, receiver := range receivers {
		opened[name] = receiver.Connection(name)
		settings.Webhooks += name + ","
	}
	settings.PollInterval, settings.MaxAttempts = 20*time.Millisecond, 3
	b.cfg = notify.Config{
		Store: b.Store, Settings: settings, Connections: opened, Webhooks: outbound.Loopback(), Registry: importers.NewRegistry(csv.New()),
		Logger:  slog.New(slog.NewJSONHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Backoff: func(int32) time.Duration { return time.Millisecond },
	}
	return b
}

// addImport adds a failed import that was asked for by somebody with an address.
func (b *bundle) addImport(t *testing.T) (id int64) {
	t.Helper()
	require.NoError(t, b.sql.QueryRow(b.ctx, `INSERT INTO imports (site_id, source, label, args, status, phase, on_part_failure,
			max_rejects, max_reject_share, chunk_rows, chunk_bytes, parallelism, error, error_class, notify)
		VALUES ($1, 'csv', 'CSV export', '{}', 'failed', 'failed', 'park', 1, 0.1, 10, 10, 1, 'no such file', 'bad_input',
			'{Ben <ben@example.com>, Anna@example.com}')
		RETURNING id`, b.siteID).Scan(&id))
	return id
}

// announce announces an event of a new import and returns its ID in the outbox.
func (b *bundle) announce(t *testing.T, event string) string {
	t.Helper()
	id := b.addImport(t)
	require.NoError(t, b.Announce(b.ctx, id, event, ""))
	return fmt.Sprintf("imp_%d_0_%s", id, event)
}

// run runs a dispatcher until stop, or to the end of the test.
func (b *bundle) run(t *testing.T) (stop func()) {
	t.Helper()
	d, err := notify.New(b.cfg)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(b.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return stop
}

// await waits until all deliveries of a notification are in one of the statuses.
func (b *bundle) await(t *testing.T, id string, statuses ...string) []store.Delivery {
	t.Helper()
	var all []store.Delivery
	require.Eventually(t, func() bool {
		n, _, deliveries, err := b.Notification(b.ctx, id)
		require.NoError(t, err)
		all = deliveries
		for _, d := range deliveries {
			if !slices.Contains(statuses, d.Status) {
				return false
			}
		}
		return n.ExpandedAt != nil
	}, 30*time.Second, 5*time.Millisecond)
	return all
}

// feedback returns the lines of an import's log.
func (b *bundle) feedback(t *testing.T) []string {
	t.Helper()
	rows, err := b.sql.Query(b.ctx, "SELECT level || ': ' || message FROM feedback ORDER BY import_id, seq")
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return lines
}
