package cli

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/eventlog/embedded"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/ingesting"
	"github.com/sluicehq/sluice/internal/listentest"
	accessclient "github.com/sluicehq/sluice/starter/access"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	"github.com/sluicehq/sluice/store"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

const logToken = "a token of the event log"

// logServer starts the server of an event log, and returns the shell that uses it.
func (s shell) logServer(t *testing.T) (with shell, url string) {
	t.Helper()
	server, err := embedded.Start(embedded.Config{
		Dir: t.TempDir(), Listen: listentest.FreeAddress(t), Token: logToken, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, server.Stop(ctx))
	})
	with = s
	with.environ = append(append([]string{}, s.environ...),
		"SLUICE_EVENTLOG_URL="+server.URL(), "SLUICE_EVENTLOG_TOKEN="+logToken, "SLUICE_EVENTLOG_PARTITIONS=2")
	return with, server.URL()
}

func TestIngestLog(t *testing.T) {
	t.Parallel()
	s := storeShell(t)
	r := s.run(t, "ingest", "log", "show")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "eventlog.url is empty: want the address of NATS, such as nats://127.0.0.1:4222")

	first, url := s.logServer(t)
	require.Equal(t, "No event log yet. The first server or worker begins it.\n", first.ok(t, "ingest", "log", "show"))
	r = first.run(t, "ingest", "log", "replace")
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.err, "the store knows no event log: there is nothing to replace")

	ctx := enginetest.Context(t)
	opened, err := store.Open(ctx, store.Config{DSN: s.setting(t, "SLUICE_STORE_DSN")})
	require.NoError(t, err)
	t.Cleanup(opened.Close)
	log, err := ingesting.OpenLog(ctx, ingeststore.New(opened), eventlog.Config{
		URL: url, Options: []nats.Option{nats.Token(logToken)}, Partitions: 2, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(log.Close)
	_, err = log.Append(ctx, 1, []byte("an event"))
	require.NoError(t, err)
	require.Regexp(t, `^event log `+log.ID()+`
PARTITION +OLDEST +NEWEST +WRITTEN +LAG +SIZE +LIMIT
 +0 +- +- +- +0 +0 B +8\.0 GiB
 +1 +1 +1 +- +1 +\d+ B +8\.0 GiB
$`, first.ok(t, "ingest", "log", "show"))
	var shown ingestclient.EventLog
	first.json(t, &shown, "ingest", "log", "show")
	require.Equal(t, log.ID(), shown.ID)
	require.EqualValues(t, 1, shown.Partitions[1].Lag)
	r = first.run(t, "ingest", "log", "replace", "--discard-events")
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.err, "which is that of the store, and whole")

	second, _ := s.logServer(t)
	r = second.run(t, "ingest", "log", "show")
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.err, "sluice ingest log replace")
	var replaced replacedLogJSON
	second.json(t, &replaced, "ingest", "log", "replace")
	require.Equal(t, log.ID(), replaced.Lost)
	second.json(t, &shown, "ingest", "log", "show")
	require.Equal(t, replaced.ID, shown.ID)
	var audited []accessclient.AuditEntry
	second.json(t, &audited, "audit", "list", "--operation", "event_log.replace")
	require.Len(t, audited, 2)
	require.Contains(t, audited[1].Error, "the event log is not lost")
	require.Empty(t, audited[0].Error)
	require.Equal(t, []string{replaced.ID, "cli"}, []string{audited[0].SubjectID, audited[0].Door})
	require.JSONEq(t, `{"id": "`+log.ID()+`"}`, string(audited[0].Before))

	away := s
	away.environ = append(append([]string{}, s.environ...), "SLUICE_EVENTLOG_URL=nats://127.0.0.1:1")
	r = away.run(t, "ingest", "log", "show")
	require.Equal(t, exitUnavailable, r.code)
	require.Contains(t, r.err, "connect to event log")

	// On one machine the server hosts the log, and would not start: the command hosts it meanwhile.
	hosted := s
	hosted.environ = append(append([]string{}, s.environ...), "SLUICE_EVENTLOG_URL=nats://"+listentest.FreeAddress(t),
		"SLUICE_EVENTLOG_TOKEN="+logToken, "SLUICE_EVENTLOG_PARTITIONS=2", "SLUICE_EVENTLOG_DIR="+t.TempDir())
	require.Regexp(t, `^event log [0-9a-f-]{36} replaces `+replaced.ID+"; start servers",
		hosted.ok(t, "ingest", "log", "replace", "--embedded-log"))
}
