package killtest_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// tracedEvents is how many events are sent, tracedSenders by how many senders at once.
const (
	tracedEvents  = 400
	tracedSenders = 16
)

// TestFsync traces the system calls of the event log: each event that was answered with 202 was written to a file of
// the log, the file was synced afterwards, and then the log sent the acknowledgement. A log that syncs on an
// interval acknowledges before: the check finds that.
func TestFsync(t *testing.T) {
	t.Parallel()
	t.Run("before each acknowledgement", func(t *testing.T) {
		t.Parallel()
		trace := traceEvents(t, "")
		assert.Empty(t, trace.early, "acknowledgements without an fsync of their message before")
		t.Logf("%d events in %d messages: each was synced before its acknowledgement", tracedEvents, len(trace.messages))
	})
	t.Run("on an interval", func(t *testing.T) {
		t.Parallel()
		trace := traceEvents(t, "--sync-interval=1h")
		assert.Len(t, trace.early, len(trace.messages), "messages that were acknowledged before they were synced")
	})
}

// logMessage identifies a message of the event log.
type logMessage struct {
	stream   string
	sequence uint64
}

// fsyncTrace is what the system calls say about the messages of acknowledged events.
type fsyncTrace struct {
	messages map[logMessage]bool
	// early are those that were acknowledged before they were synced.
	early []logMessage
}

// traceEvents sends events to a stack whose event log is traced, and checks their messages. args are
// further arguments of the event log.
func traceEvents(t *testing.T, args string) fsyncTrace {
	t.Helper()
	file := filepath.Join(t.TempDir(), "syscalls")
	i := newIngestion(t, map[string]string{envSyscalls: file, envSyscallArgs: args, "SLUICE_EVENTLOG_PARTITIONS": "2"})
	ctx := bounded(t)
	s := i.newSender(ctx, t, visitedSite{domain: "traced.example", zone: "UTC"})
	var sending errgroup.Group
	sending.SetLimit(tracedSenders)
	for event := range tracedEvents {
		sending.Go(func() error { return s.sendTraced(ctx, event) })
	}
	require.NoError(t, sending.Wait())
	// The trace is complete when the log has ended.
	require.NoError(t, i.stack.Stop(ctx))
	return readTrace(t, file)
}

// sendTraced sends an event whose number is in its path. The error is about an answer without an acknowledgement.
func (s *eventSender) sendTraced(ctx context.Context, event int) error {
	domain := s.sites[0].domain
	body := fmt.Sprintf(`{"n":"pageview","u":"https://%s/traced/%06d","d":%q}`, domain, event, domain)
	got, err := s.post(ctx, "/api/event", body, visitorOf(event%visitors).header())
	if err == nil && (got.status != http.StatusAccepted || got.dropped != "") {
		err = fmt.Errorf("event %d: %d %s %s", event, got.status, got.dropped, got.body)
	}
	return err
}

var (
	tracedPath      = regexp.MustCompile(`/traced/(\d{6})`)
	acknowledgement = regexp.MustCompile(`\{"stream":"([^"]+)",(?:"domain":"[^"]*",)?"seq":(\d+)`)
)

// readTrace reads system calls and returns what they say of the events.
func readTrace(t *testing.T, file string) fsyncTrace {
	t.Helper()
	calls := readCalls(t, file)
	// written has the call that has written a message; seen has the events of written messages.
	written, seen := map[logMessage]tracedCall{}, map[string]logMessage{}
	syncs, sent := map[string][]tracedCall{}, map[logMessage]int{}
	for _, call := range calls {
		switch {
		case call.Failed:
		case call.Sync:
			syncs[call.File] = append(syncs[call.File], call)
		case filepath.Ext(call.File) == ".blk":
			stream := filepath.Base(filepath.Dir(filepath.Dir(call.File)))
			for sequence, record := range blockRecords(t, call.Data) {
				m := logMessage{stream, sequence}
				written[m] = call
				for _, found := range tracedPath.FindAllSubmatch(record, -1) {
					seen[string(found[1])] = m
				}
			}
		default:
			for _, found := range acknowledgement.FindAllSubmatch(call.Data, -1) {
				sequence, err := strconv.ParseUint(string(found[2]), 10, 64)
				require.NoError(t, err)
				m := logMessage{string(found[1]), sequence}
				if sent[m] == 0 {
					sent[m] = call.Begun
				}
			}
		}
	}
	trace := fsyncTrace{messages: map[logMessage]bool{}}
	for event := range tracedEvents {
		m, ok := seen[fmt.Sprintf("%06d", event)]
		require.True(t, ok, "event %d was acknowledged, and no file of the log was written with it", event)
		require.NotZero(t, sent[m], "event %d was acknowledged, and the log has sent no acknowledgement of %v", event, m)
		if trace.messages[m] {
			continue
		}
		trace.messages[m] = true
		if !syncedBetween(syncs[written[m].File], written[m].Ended, sent[m]) {
			trace.early = append(trace.early, m)
		}
	}
	return trace
}

// syncedBetween reports whether a sync began after one moment and ended before another.
func syncedBetween(syncs []tracedCall, after, before int) bool {
	for _, s := range syncs {
		if after < s.Begun && s.Ended < before {
			return true
		}
	}
	return false
}

func readCalls(t *testing.T, file string) []tracedCall {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	var calls []tracedCall
	for lines := json.NewDecoder(f); ; {
		var call tracedCall
		err := lines.Decode(&call)
		if errors.Is(err, io.EOF) {
			return calls
		}
		require.NoError(t, err)
		calls = append(calls, call)
	}
}

// blockRecords splits what was written to a block of NATS' file store into records by sequence. A record is its
// length, sequence, time, length of the subject, the subject itself, header, message and checksum.
func blockRecords(t *testing.T, data []byte) map[uint64][]byte {
	t.Helper()
	const (
		header    = 4 + 8 + 8 + 2
		hasHeader = 1 << 31
	)
	all := map[uint64][]byte{}
	for len(data) > 0 {
		require.GreaterOrEqual(t, len(data), header, "bytes of a record")
		size := int(binary.LittleEndian.Uint32(data) &^ hasHeader)
		require.LessOrEqual(t, size, len(data), "bytes of a record")
		all[binary.LittleEndian.Uint64(data[4:])] = bytes.Clone(data[:size])
		data = data[size:]
	}
	return all
}
