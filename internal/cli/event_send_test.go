package cli

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/polltest"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/worker"
)

// How long a delivery may take on a busy machine, and how often it is looked for.
const (
	waitForDelivery = 30 * time.Second
	pollDelivery    = 50 * time.Millisecond
)

// Events are stored, known again, and refused where a destination cannot use them.
func TestEventSend(t *testing.T) {
	t.Parallel()
	_, s := systemWithoutWorker(t)
	send := []string{
		"event", "send", "--source", "shop", "--name", "order.paid", "--idempotency-key", "order 1", "--data", `{"text": "paid"}`,
		"--to", "log/write",
	}
	require.Regexp(t, `^stored event [0-9a-f-]{36} with 1 job\n  [0-9a-f-]{36}\n$`, s.ok(t, send...))
	require.Contains(t, s.ok(t, send...), "already exists under this idempotency key; nothing stored\n")
	var sent sentJSON
	s.stdin = `{"text": "more"}`
	s.json(t, &sent, "event", "send", "--source", "crm", "--data", "-", "--context", `{"a": 1}`)
	require.True(t, sent.Created)
	require.Empty(t, sent.Jobs)
	var event deliveryclient.EventDetails
	s.json(t, &event, "event", "show", sent.EventID)
	require.JSONEq(t, `{"text": "more"}`, string(event.Data))
	require.JSONEq(t, `{"a": 1}`, string(event.Context))

	r := s.run(t, "event", "send", "--source", "shop", "--data", `{"texts": 1}`, "--to", "log/write")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "marshal for log/write: unknown field")
	for flag, text := range map[string]string{
		"--source": strings.Repeat("x", 101), "--name": strings.Repeat("x", 101), "--idempotency-key": strings.Repeat("x", 256),
		"--event-version": "a\nb",
	} {
		r := s.run(t, "event", "send", "--source", "shop", flag, text)
		require.Equal(t, exitUsage, r.code, "%s: %s", flag, r.err)
		require.NotContains(t, r.err, "SQLSTATE", flag)
		require.Regexp(t, "bytes: want at most|control character", r.err, flag)
	}
	for _, data := range []string{`{"text": "\u0000"}`, `{"text": "\ud800"}`} {
		r := s.run(t, "event", "send", "--source", "shop", "--data", data)
		require.Equal(t, exitUsage, r.code, data)
		require.Contains(t, r.err, "surrogate pair, which PostgreSQL does not store", data)
	}
	for line, want := range map[string]string{
		"":                                "--source is missing: want a source, such as --source shop",
		"--source a --to log":             `--to "log": want DESTINATION/ACTION, such as webhook/post`,
		"--source a --to /write":          `--to "/write": want DESTINATION/ACTION, such as webhook/post`,
		"--source a --to log/":            `--to "log/": want DESTINATION/ACTION, such as webhook/post`,
		"--source a --to log/read":        `--to log/read: log: unknown action "read" (want write)`,
		"--source a --data [1]":           `--data is not a JSON object: want an object such as '{"name": "value"}'`,
		"--source a --data - --context -": "--data and --context cannot both be read from standard input",
	} {
		offline().fails(t, want, append([]string{"event", "send"}, strings.Fields(line)...)...)
	}
}

// With a worker an event is delivered, and an action executes commands.
func TestDestinationOrders(t *testing.T) {
	t.Parallel()
	system, s := systemWithoutWorker(t)
	system.Tune = func(c *worker.Config) {
		c.Destinations = components.Stock(config.Default()).Destinations
		// A line that the log leaves out is none that was written: this log takes all.
		c.Logger = slog.New(slog.NewTextHandler(newScreen(), nil))
	}
	system.StartWorker(t)
	send := []string{
		"event", "send", "--source", "shop", "--data", `{"text": "paid"}`, "--to", "log/write",
	}
	s.ok(t, send...)
	polltest.Eventually(t, func() bool {
		return strings.Contains(s.ok(t, "job", "list"), deliverystore.JobSucceeded)
	}, waitForDelivery, pollDelivery)

	require.Equal(t, "paused log\n", s.ok(t, "destination", "pause", "log"))
	require.Regexp(t, `(?m)^log +Log +paused `, s.ok(t, "destination", "list"))
	require.Equal(t, "resumed log\n", s.ok(t, "destination", "resume", "log"))
	require.Equal(t, "paused log/write\n", s.ok(t, "destination", "pause", "log", "write", "--reason", "a look"))
	require.Equal(t, "resumed log/write\n", s.ok(t, "destination", "resume", "log", "write"))
	require.Equal(t, "changed the schedule of log/write\n",
		s.ok(t, "destination", "set-schedule", "log", "write", "--interval", "0 3 * * *", "--timezone", "Europe/Berlin", "--realtime=false"))
	var shown deliveryclient.Destination
	s.json(t, &shown, "destination", "show", "log")
	require.Equal(t, []any{"0 3 * * *", "Europe/Berlin", false},
		[]any{shown.Actions[0].Interval, shown.Actions[0].TimeZone, shown.Actions[0].Realtime})
	var sent sentJSON
	s.json(t, &sent, send...)
	require.Equal(t, "triggered log/write\n", s.ok(t, "destination", "trigger", "log", "write"))
	polltest.Eventually(t, func() bool {
		return strings.Contains(s.ok(t, "job", "show", sent.Jobs[0]), deliverystore.JobSucceeded)
	}, waitForDelivery, pollDelivery)

	// What a person makes due is loaded at once by an action that loads in realtime.
	s.ok(t, "destination", "set-schedule", "log", "write", "--realtime")
	var replayed struct {
		Result string   `json:"result"`
		Jobs   int      `json:"jobs"`
		IDs    []string `json:"ids"`
	}
	s.json(t, &replayed, "job", "replay", sent.Jobs[0])
	polltest.Eventually(t, func() bool {
		return strings.Contains(s.ok(t, "job", "show", replayed.IDs[0]), deliverystore.JobSucceeded)
	}, waitForDelivery, pollDelivery)

	for line, want := range map[string]string{
		"pause":                  "want a destination and optionally one of its actions: see `sluice destination pause --help`",
		"pause crm":              `unknown destination "crm" (want clickhouse, log, postgres, smtp, webhook)` + storeAway,
		"resume log read":        `log: unknown action "read" (want write)`,
		"trigger log":            "want two arguments, a destination and one of its actions: see `sluice destination trigger --help`",
		"set-schedule log write": "nothing to change: want --interval, --timezone or --realtime",
	} {
		offline().fails(t, want, append([]string{"destination"}, strings.Fields(line)...)...)
	}
}
