package log_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/destinationtest"
	"github.com/sluicehq/sluice/destinations/log"
)

func event(data string) destinations.Event { return destinations.Event{Data: json.RawMessage(data)} }

func TestConformance(t *testing.T) {
	t.Parallel()
	inapplicable := map[destinationtest.Fault]string{}
	for _, fault := range destinationtest.Faults() {
		inapplicable[fault] = "there is no other side"
	}
	destinationtest.Run(t, destinationtest.Config{
		New: func(testing.TB) destinationtest.Subject {
			s := destinationtest.Subject{Destination: log.New(), Action: "write"}
			for i := range 4 {
				s.Events = append(s.Events, event(fmt.Sprintf(`{"text": "line %d", "attributes": {"no": %d}}`, i, i)))
			}
			return s
		},
		BadEvents: []destinations.Event{
			event(`{}`), event(`{"text": ""}`), event(`{"text": "x", "level": "loud"}`), event(`{"message": "x"}`),
		},
		Inapplicable: inapplicable,
	})
}

func TestLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	tk := &destinations.Toolkit{Logger: slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	q := &destinations.Queue{Events: []destinations.QueuedEvent{{Jobs: []destinations.QueuedJob{
		{ID: "a", EventID: "e", Data: json.RawMessage(`{"text": "one", "level": "debug", "attributes": {"no": 1}}`)},
		{ID: "b", EventID: "e", Data: json.RawMessage(`{"text": "two", "level": "error"}`)},
	}}}}
	log.New().Actions()[0].Load(t.Context(), tk, q, func(then destinations.Then) { require.NoError(t, then.Error) })
	var lines []map[string]any
	for dec := json.NewDecoder(&out); dec.More(); {
		var line map[string]any
		require.NoError(t, dec.Decode(&line))
		delete(line, "time")
		lines = append(lines, line)
	}
	require.Equal(t, []map[string]any{
		{"level": "DEBUG", "msg": "a job was logged", "job_id": "a", "event_id": "e", "text": "one", "attributes": map[string]any{"no": 1.0}},
		{"level": "ERROR", "msg": "a job was logged", "job_id": "b", "event_id": "e", "text": "two", "attributes": nil},
	}, lines)
}

// A line that was left out, or could not be written, is no success.
func TestLinesThatAreNotWritten(t *testing.T) {
	t.Parallel()
	q := &destinations.Queue{Events: []destinations.QueuedEvent{{Jobs: []destinations.QueuedJob{
		{ID: "a", Data: json.RawMessage(`{"text": "one", "level": "debug"}`)},
	}}}}
	load := func(out io.Writer, level slog.Level) (err error) {
		tk := &destinations.Toolkit{Logger: slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level}))}
		log.New().Actions()[0].Load(t.Context(), tk, q, func(then destinations.Then) { err = then.Error })
		return err
	}
	var out bytes.Buffer
	err := load(&out, slog.LevelInfo)
	require.ErrorContains(t, err, "leaves out lines of the level DEBUG")
	require.Equal(t, destinations.ErrorClassOperator, destinations.ClassOf(err))
	require.Empty(t, out.String())
	read, write := io.Pipe()
	require.NoError(t, read.Close())
	require.ErrorContains(t, load(write, slog.LevelDebug), "write a line of the log")
}
