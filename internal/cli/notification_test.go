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
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/store"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// announcing is a store in which a test inserts imports, and a shell that uses it.
type announcing struct {
	*dispatchstore.Store
	shell
	ctx    context.Context
	sql    *pgx.Conn
	siteID int64
}

func setupAnnouncing(t *testing.T) *announcing {
	t.Helper()
	b := &announcing{shell: storeShell(t), ctx: enginetest.Context(t)}
	dsn := b.setting(t, "SLUICE_STORE_DSN")
	var err error
	b.Store, err = dispatchstore.Open(b.ctx, store.Config{DSN: dsn}, nil)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	b.sql = enginetest.ConnectStore(t, dsn)
	b.siteID = b.addSite(t, "example.com")
	return b
}

func (b *announcing) addSite(t *testing.T, domain string) (id int64) {
	t.Helper()
	require.NoError(t, b.sql.QueryRow(b.ctx, "INSERT INTO sites (domain) VALUES ($1) RETURNING id", domain).Scan(&id))
	return id
}

func (b *announcing) addImport(t *testing.T, siteID int64) (id int64) {
	t.Helper()
	require.NoError(t, b.sql.QueryRow(b.ctx, `INSERT INTO imports (site_id, source, label, args, on_part_failure, max_rejects,
			max_reject_share, chunk_rows, chunk_bytes, parallelism)
		VALUES ($1, 'noop', 'No-op', '{}', 'park', 1, 0.1, 10, 10, 1) RETURNING id`, siteID).Scan(&id))
	return id
}

// finish ends an import.
func (b *announcing) finish(ctx context.Context, id int64, status string) error {
	end := importstore.End{Status: status}
	if status == importstore.StatusFailed {
		end.Reason = "no such file"
	}
	_, err := b.Imports.Finish(ctx, id, end, importstore.LockLimits{})
	return err
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
	failed, completed := b.addImport(t, b.siteID), b.addImport(t, b.siteID)
	elsewhere := b.addImport(t, another)
	require.NoError(t, b.Imports.RecordAttemptError(b.ctx, failed, "the server is busy"))
	// What is heard is shown with how the import is by then.
	out.await(b.ctx, t, "transient_fail")
	jsonOut.await(b.ctx, t, "transient_fail")
	require.NoError(t, b.finish(b.ctx, failed, importstore.StatusFailed))
	require.NoError(t, b.finish(b.ctx, elsewhere, importstore.StatusCompleted))
	require.NoError(t, b.finish(b.ctx, completed, importstore.StatusCompleted))
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
		JobMessage: importstore.JobMessage{Event: importstore.JobFail, ImportID: failed, SiteID: b.siteID},
		Site:       "example.com", Status: importstore.StatusFailed, Error: "no such file",
	}, heard[1])
	b.fails(t, "site nope.com: not found: see `sluice site list`", "import", "listen", "--site", "nope.com")
}

// awaitListeners waits until that many connections listen.
func (b *announcing) awaitListeners(t *testing.T, n int) {
	t.Helper()
	polltest.Eventually(t, func() bool {
		var listening int
		// The time is requested once it listens.
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
		importstore.StatusCompleted: true, importstore.EventUnchanged: true, importstore.StatusFailed: false, importstore.StatusCancelled: false,
		importstore.EventDeclined: false,
	} {
		for _, early := range []bool{true, false} {
			out := newScreen()
			err := b.withSession(t, out, func(ctx context.Context, s *session) error {
				listener, err := s.Listen(ctx)
				if err != nil {
					return err
				}
				other := b.addImport(t, b.siteID)
				require.NoError(t, b.finish(ctx, other, status))
				id := b.addImport(t, b.siteID)
				require.NoError(t, b.Imports.RecordAttemptError(ctx, id, "the server is busy"))
				var group errgroup.Group
				end := func() error {
					if !early {
						// It ends once the listener has told that it is retried.
						if err := out.awaitText(ctx, "transient_fail"); err != nil {
							return err
						}
					}
					return b.finish(ctx, id, status)
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
