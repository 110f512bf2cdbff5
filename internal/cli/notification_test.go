package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
)

// announcing is a store in which imports can be made up, and a shell that uses it.
type announcing struct {
	*store.Store
	shell
	ctx    context.Context
	sql    *pgx.Conn
	siteID int64
}

func setupAnnouncing(t *testing.T) *announcing {
	t.Helper()
	b := &announcing{shell: databases(t), ctx: enginetest.Context(t)}
	dsn := ""
	for _, entry := range b.environ {
		if value, ok := strings.CutPrefix(entry, "SLUICE_STORE_DSN="); ok {
			dsn = value
		}
	}
	var err error
	b.Store, err = store.Open(b.ctx, store.Config{DSN: dsn})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	require.NoError(t, b.Migrate(b.ctx))
	b.sql, err = pgx.Connect(b.ctx, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.sql.Close(context.Background())) })
	b.siteID = b.addSite(t, "example.com")
	return b
}

func (b *announcing) addSite(t *testing.T, domain string) (id int64) {
	t.Helper()
	require.NoError(t, b.sql.QueryRow(b.ctx, "INSERT INTO sites (domain) VALUES ($1) RETURNING id", domain).Scan(&id))
	return id
}

func (b *announcing) addImport(t *testing.T, siteID int64, status string) (id int64) {
	t.Helper()
	require.NoError(t, b.sql.QueryRow(b.ctx, `INSERT INTO imports (site_id, source, label, args, status, on_part_failure, max_rejects,
			max_reject_share, chunk_rows, chunk_bytes, parallelism, error, trouble)
		VALUES ($1, 'noop', 'No-op', '{}', $2, 'park', 1, 0.1, 10, 10, 1,
			CASE WHEN $2 = 'failed' THEN 'no such file' ELSE '' END, 'the server is busy') RETURNING id`, siteID, status).Scan(&id))
	return id
}

// deliveries adds an announced import with a delivery in each of the statuses.
func (b *announcing) deliveries(t *testing.T) (id string) {
	t.Helper()
	imp := b.addImport(t, b.siteID, store.StatusFailed)
	require.NoError(t, b.Announce(b.ctx, imp, store.EventFailed, "as planned"))
	id = fmt.Sprintf("imp_%d_0_failed", imp)
	_, err := b.sql.Exec(b.ctx, `INSERT INTO deliveries (notification_id, channel, target, status, attempts, error, finished_at, due_at)
		VALUES ($1, 'email', 'anna@example.com', 'delivered', 1, '', now(), '2026-01-01'),
			($1, 'email', 'ben@example.com', 'given_up', 1, 'the mail server refuses the recipient (550)', now(), '2026-01-01'),
			($1, 'webhook', 'ops', 'pending', 2, 'the endpoint answered 503 Service Unavailable', NULL, '2096-01-01')`, id)
	require.NoError(t, err)
	_, err = b.sql.Exec(b.ctx, "UPDATE notifications SET expanded_at = now() WHERE id = $1", id)
	require.NoError(t, err)
	return id
}

func TestNotifications(t *testing.T) {
	t.Parallel()
	b := setupAnnouncing(t)
	require.Equal(t, "There are no notifications here.\n", b.ok(t, "notification", "list"))
	require.Equal(t, "[]\n", b.ok(t, "notification", "list", "-o", "json"))
	id := b.deliveries(t)
	other := b.addImport(t, b.siteID, store.StatusCompleted)
	require.NoError(t, b.Announce(b.ctx, other, store.EventCompleted, ""))
	golden(t, "notification-list", b.ok(t, "notification", "list"))
	golden(t, "notification-list-status", b.ok(t, "notification", "list", "--status", "given_up", "--import", "1"))
	golden(t, "notification-show", b.ok(t, "notification", "show", id))
	golden(t, "notification-show-new", b.ok(t, "notification", "show", fmt.Sprintf("imp_%d_0_completed", other)))

	var listed []listedJSON
	b.json(t, &listed, "notification", "list", "--import", "1")
	require.Len(t, listed, 3)
	require.Equal(t, "example.com", listed[0].Site)
	require.Equal(t, store.DeliveryDelivered, *listed[0].Status)
	var shown struct {
		Payload    store.Announcement `json:"payload"`
		Deliveries []deliveryJSON     `json:"deliveries"`
	}
	b.json(t, &shown, "notification", "show", id)
	require.Equal(t, "as planned", shown.Payload.Detail)
	require.Len(t, shown.Deliveries, 3)

	require.Equal(t, "2 of the deliveries of "+id+" will be tried again now, by any worker\n", b.ok(t, "notification", "retry", id))
	_, _, deliveries, err := b.Notification(b.ctx, id)
	require.NoError(t, err)
	for _, d := range deliveries[1:] {
		require.Equal(t, store.DeliveryPending, d.Status)
		require.Zero(t, d.Attempts)
		require.WithinDuration(t, time.Now(), d.DueAt, time.Minute)
	}
	_, err = b.sql.Exec(b.ctx, "UPDATE deliveries SET status = 'delivered', finished_at = now()")
	require.NoError(t, err)
	require.Equal(t, "nothing to retry: no delivery of "+id+" was given up or waits\n", b.ok(t, "notification", "retry", id))
	b.fails(t, "notification nope: not found", "notification", "retry", "nope")
	b.fails(t, "notification nope: not found", "notification", "show", "nope")
}

func TestMistakesWithNotifications(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"notification list --status x": "--status \"x\": want one of pending, sending, delivered, skipped, given_up",
		"notification list --limit 0":  "--limit 0: want 1 to 1000",
		"notification list x":          "unexpected argument \"x\": see `sluice notification list --help`",
		"notification show":            "want one argument, the ID of a notification, got none: see `sluice notification show --help`",
		"notification retry a b":       "want one argument, the ID of a notification, got 2: see `sluice notification retry --help`",
		"import listen x":              "unexpected argument \"x\": see `sluice import listen --help`",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			offline().fails(t, want, strings.Fields(line)...)
		})
	}
}

// at is when something was heard.
const at = "YYYY-MM-DD HH:MM:SS"

func TestListen(t *testing.T) {
	t.Parallel()
	b := setupAnnouncing(t)
	out, stderr, stop, _ := b.background(t, "import", "listen", "--site", "example.com")
	jsonOut, _, _, _ := b.background(t, "import", "listen", "--output", "json")
	another := b.addSite(t, "another.example.com")
	b.awaitListeners(t, 2)
	failed, completed := b.addImport(t, b.siteID, store.StatusFailed), b.addImport(t, b.siteID, store.StatusCompleted)
	elsewhere := b.addImport(t, another, store.StatusCompleted)
	require.NoError(t, b.Announce(b.ctx, failed, store.EventRetrying, ""))
	require.NoError(t, b.Announce(b.ctx, failed, store.EventFailed, ""))
	require.NoError(t, b.Announce(b.ctx, elsewhere, store.EventCompleted, ""))
	require.NoError(t, b.Announce(b.ctx, completed, store.EventCompleted, ""))
	out.await(b.ctx, t, "rows loaded\n")
	require.Equal(t, fmt.Sprintf(`%[1]s  import %[2]d of example.com: transient_fail, the server is busy
%[1]s  import %[2]d of example.com: fail, no such file
%[1]s  import %[3]d of example.com: complete, 0 rows loaded
`, at, failed, completed), volatile[1].pattern.ReplaceAllString(out.String(), at))
	require.Equal(t, exitInterrupted, stop())
	require.Empty(t, stderr.String())

	jsonOut.await(b.ctx, t, fmt.Sprintf(`"import_id":%d`, completed))
	jsonOut.await(b.ctx, t, "\"error\":\"\"}\n")
	var heard []notificationJSON
	for line := range strings.Lines(jsonOut.String()) {
		var n notificationJSON
		require.NoError(t, json.Unmarshal([]byte(line), &n))
		heard = append(heard, n)
	}
	require.Len(t, heard, 4)
	require.Equal(t, notificationJSON{
		JobMessage: store.JobMessage{Event: store.JobFail, ImportID: failed, SiteID: b.siteID},
		Site:       "example.com", Status: store.StatusFailed, Error: "no such file",
	}, heard[1])
	b.fails(t, "site nope.com: not found", "import", "listen", "--site", "nope.com")
}

// awaitListeners waits until that many connections listen.
func (b *announcing) awaitListeners(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool {
		var listening int
		// It is asked for the time once it listens.
		require.NoError(t, b.sql.QueryRow(b.ctx, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND query = 'SELECT clock_timestamp()'`).Scan(&listening))
		return listening == n
	}, time.Minute, 5*time.Millisecond)
}

// What is heard of one import until it ends decides how the command ends.
func TestListenUntilEnd(t *testing.T) {
	t.Parallel()
	b := setupAnnouncing(t)
	for status, fine := range map[string]bool{
		store.StatusCompleted: true, store.EventUnchanged: true, store.StatusFailed: false, store.StatusCancelled: false,
		store.EventDeclined: false,
	} {
		for _, early := range []bool{true, false} {
			out := newScreen()
			err := b.withSession(t, out, func(ctx context.Context, s *session) error {
				listener, err := s.Listen(ctx)
				if err != nil {
					return err
				}
				other := b.addImport(t, b.siteID, status)
				require.NoError(t, b.Announce(ctx, other, status, ""))
				id := b.addImport(t, b.siteID, store.StatusQueued)
				require.NoError(t, b.Announce(ctx, id, store.EventRetrying, ""))
				var group errgroup.Group
				end := func() error {
					if !early {
						// It ends once the listener has told that it is retried.
						out.await(ctx, t, "transient_fail")
					}
					if _, err := b.sql.Exec(ctx, "UPDATE imports SET status = $1 WHERE id = $2", status, id); err != nil {
						return err
					}
					return b.Announce(ctx, id, status, "")
				}
				if early {
					require.NoError(t, end())
				} else {
					group.Go(end)
				}
				err = errors.Join(listenUntilEnd(ctx, s, listener, id), group.Wait())
				require.NoError(t, listener.Close(ctx))
				return err
			})
			var ended exitError
			if fine {
				require.NoError(t, err)
				require.Contains(t, out.String(), ": complete")
			} else {
				require.ErrorAs(t, err, &ended)
				require.Equal(t, codeOfStatus(status), ended.code)
				require.Contains(t, out.String(), ": fail")
			}
			require.Equal(t, !early, strings.Contains(out.String(), "transient_fail"))
		}
	}
}

// withSession runs an action as a command does.
func (b *announcing) withSession(t *testing.T, out io.Writer, action func(ctx context.Context, s *session) error) error {
	t.Helper()
	app := newApp(t, Streams{Out: out, Err: out, Environ: b.environ})
	app.Commands = append(app.Commands, &cli.Command{Name: "try", Flags: []cli.Flag{outputFlag()}, Action: withSession(action)})
	return app.RunContext(b.ctx, []string{"sluice", "try"})
}
