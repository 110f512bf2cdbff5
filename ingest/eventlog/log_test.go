package eventlog_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/eventlog/pack"
)

// Concurrent callers share messages; each learns the position of its own records.
func TestAppend(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	l := open(ctx, t, config(start(t, t.TempDir())))
	const callers, calls = 50, 20
	type stored struct {
		at   eventlog.Position
		text string
	}
	var mu sync.Mutex
	var all []stored
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range calls {
				no := (c*calls + i) * 2
				at, err := l.Append(ctx, 1, text(no), text(no+1))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				all = append(all, stored{at, string(text(no))}, stored{
					eventlog.Position{Sequence: at.Sequence, Index: at.Index + 1}, string(text(no + 1)),
				})
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	require.Len(t, all, 2*callers*calls)
	require.Zero(t, l.PendingBytes())
	stats, err := l.Stats(ctx, 1)
	require.NoError(t, err)
	require.Less(t, stats.Last, uint64(callers*calls/2), "calls share messages")
	at := map[eventlog.Position]string{}
	r := l.Read(1, 1)
	defer r.Close()
	for range stats.Last {
		m, err := r.Next(ctx)
		require.NoError(t, err)
		records, err := pack.Split(m.Data, 1)
		require.NoError(t, err)
		for _, record := range records {
			at[eventlog.Position{Sequence: m.Sequence, Index: record.Index}] = string(record.Data)
		}
	}
	require.Len(t, at, len(all))
	for _, s := range all {
		require.Equal(t, s.text, at[s.at])
	}
	other, err := l.Stats(ctx, 0)
	require.NoError(t, err)
	require.Equal(t, eventlog.Stats{First: 1, MaxBytes: 32 << 20}, other)
}

func TestAppendRefuses(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	cfg := config(start(t, t.TempDir()))
	cfg.MaxPendingBytes = 1 << 20
	l := open(ctx, t, cfg)
	_, err := l.Append(ctx, 2, text(1))
	require.EqualError(t, err, "append to partition 2: want 0 to 1")
	_, err = l.Append(ctx, 0)
	require.EqualError(t, err, "append to the event log: no records")
	_, err = l.Append(ctx, 0, make([]byte, pack.MaxBytes))
	require.ErrorIs(t, err, eventlog.ErrTooLarge)
	// The largest call fits; many small records count for their limit in number.
	_, err = l.Append(ctx, 0, make([]byte, pack.MaxRecordBytes-3-pack.PartitionBytes))
	require.NoError(t, err)
	_, err = l.Append(ctx, 0, make([][]byte, pack.MaxRecords)...)
	require.ErrorIs(t, err, eventlog.ErrTooLarge)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	var unavailable *eventlog.UnavailableError
	_, err = l.Append(cancelled, 0, text(1))
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorAs(t, err, &unavailable)
	l.Close()
	_, err = l.Append(ctx, 0, text(1))
	require.ErrorAs(t, err, &unavailable)
	require.ErrorIs(t, err, eventlog.ErrUnknownOutcome)
	require.Positive(t, unavailable.RetryAfter)
	require.Zero(t, l.PendingBytes())
}

// A full partition refuses events and keeps the old ones; another partition still has room.
// After the old ones are deleted, it takes events again.
func TestFull(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	s := start(t, t.TempDir())
	cfg := config(s)
	cfg.MaxBytes = 8 << 20
	l := open(ctx, t, cfg)
	large := make([]byte, pack.MaxBytes-100)
	stored := 0
	var err error
	for err == nil {
		if _, err = l.Append(ctx, 0, large); err == nil {
			stored++
		}
	}
	require.ErrorIs(t, err, eventlog.ErrFull)
	require.Equal(t, 5, stored, "4 MiB of 768 KiB each")
	var unavailable *eventlog.UnavailableError
	require.ErrorAs(t, err, &unavailable)
	require.Equal(t, 30*time.Second, unavailable.RetryAfter)
	require.ErrorContains(t, err, "append to partition 0: event log full: nats: ")
	_, err = l.Append(ctx, 1, large)
	require.NoError(t, err)
	require.Len(t, readAll(ctx, t, l, 0, 1), stored)

	// They are too young to be trimmed: a repetition must still be recognised.
	trimmed, err := l.Trim(ctx, 0, 3)
	require.NoError(t, err)
	require.False(t, trimmed)
	purge(ctx, t, s, "sluice_events_000", 4)
	_, err = l.Append(ctx, 0, large)
	require.NoError(t, err)
	trimmed, err = l.Trim(ctx, 0, 3)
	require.NoError(t, err)
	require.True(t, trimmed, "they are gone already")

	// Events deleted before they were read are a gap, which is reported once.
	r := l.Read(0, 2)
	defer r.Close()
	_, err = r.Next(ctx)
	require.EqualError(t, err,
		"partition 0 of the event log: messages 2 to 3 are missing (purged before they were read?)")
	for want := uint64(4); want <= 6; want++ {
		m, err := r.Next(ctx)
		require.NoError(t, err)
		require.Equal(t, want, m.Sequence)
	}
	_, err = l.Read(0, 8).Next(ctx)
	require.ErrorIs(t, err, eventlog.ErrRewound)
	require.ErrorContains(t, err, "partition 0 ends at 6, want 8 next")
}

// purge deletes the messages before a sequence, as an operator would.
func purge(ctx context.Context, t *testing.T, s interface{ Option() nats.Option }, stream string, before uint64) {
	t.Helper()
	conn, err := nats.Connect("", s.Option())
	require.NoError(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	found, err := js.Stream(ctx, stream)
	require.NoError(t, err)
	require.NoError(t, found.Purge(ctx, jetstream.WithPurgeSequence(before)))
	require.Error(t, found.DeleteMsg(ctx, before), "single messages cannot be deleted")
}

// A log is found again by its id. Another log, or one with other settings, is refused.
func TestIdentity(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	s := start(t, t.TempDir())
	cfg := config(s)
	const id = "11111111-1111-1111-1111-111111111111"
	cfg.ExpectID = id
	_, err := eventlog.Open(ctx, cfg)
	require.ErrorIs(t, err, eventlog.ErrNoLog)
	require.EqualError(t, err, "open event log: no event log: the server has no stream sluice_events_000, "+
		"but the store knows log "+id)
	cfg.ExpectID = ""

	// Of many that create it at once, all get the same.
	ids := make([]string, 8)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			l, err := eventlog.Open(ctx, cfg)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = l.ID()
			l.Close()
		})
	}
	wg.Wait()
	for _, got := range ids {
		require.Equal(t, ids[0], got)
	}
	require.NotEmpty(t, ids[0])
	cfg.ExpectID = ids[0]
	l := open(ctx, t, cfg)
	require.Equal(t, ids[0], l.ID())
	require.Equal(t, 2, l.Partitions())
	require.NoError(t, l.Ping(ctx))

	cfg.ExpectID = id
	_, err = eventlog.Open(ctx, cfg)
	require.ErrorIs(t, err, eventlog.ErrOtherLog)
	cfg.ExpectID, cfg.Partitions = "", 3
	_, err = eventlog.Open(ctx, cfg)
	require.EqualError(t, err, fmt.Sprintf("open event log: log %s has 2 partitions, the configuration 3: "+
		"the number of a log never changes", ids[0]))

	// Limits follow the configuration.
	cfg.Partitions, cfg.MaxBytes = 2, 32<<20
	stats, err := open(ctx, t, cfg).Stats(ctx, 1)
	require.NoError(t, err)
	require.EqualValues(t, 16<<20, stats.MaxBytes)
}

// A stream that would lose acknowledged events is refused.
func TestForeignStream(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	s := start(t, t.TempDir())
	conn, err := nats.Connect("", s.Option())
	require.NoError(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		stream jetstream.StreamConfig
		want   string
	}{
		"no_id": {jetstream.StreamConfig{}, `another event log: stream no_id_000 belongs to log "", `},
		"ages": {
			jetstream.StreamConfig{Discard: jetstream.DiscardNew, MaxAge: time.Hour, Metadata: map[string]string{
				"sluice.log": "x", "sluice.partitions": "2",
			}},
			"stream ages_000 has other settings than Sluice gives it, with which acknowledged events may be lost",
		},
	} {
		tc.stream.Name, tc.stream.Subjects = name+"_000", []string{name + ".0"}
		_, err = js.CreateStream(ctx, tc.stream)
		require.NoError(t, err)
		cfg := config(s)
		cfg.Name = name
		_, err = eventlog.Open(ctx, cfg)
		require.ErrorContains(t, err, tc.want, name)
	}
	// The first stream is gone, the second is not: the log is damaged.
	cfg := config(s)
	l := open(ctx, t, cfg)
	l.Close()
	require.NoError(t, js.DeleteStream(ctx, "sluice_events_000"))
	_, err = eventlog.Open(ctx, cfg)
	require.ErrorIs(t, err, eventlog.ErrNoLog)
}

// A reader waits for messages that come later.
func TestReaderWaits(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	l := open(ctx, t, config(start(t, t.TempDir())))
	r := l.Read(0, 0)
	defer r.Close()
	soon, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	_, err := r.Next(soon)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	got := make(chan uint64, 1)
	go func() {
		m, err := r.Next(ctx)
		if err != nil {
			t.Error(err)
		}
		got <- m.Sequence
	}()
	at, err := l.Append(ctx, 0, text(1))
	require.NoError(t, err)
	require.Equal(t, at.Sequence, <-got)
}

func TestConfig(t *testing.T) {
	t.Parallel()
	require.NoError(t, eventlog.Config{URL: "nats://127.0.0.1:4222"}.Validate())
	bad := eventlog.Config{
		Name: "a.b", Partitions: 257, Replicas: 6, MaxBytes: 1, MaxPendingBytes: 1, AttemptTimeout: -1,
		Streams: 258,
	}
	require.EqualError(t, bad.Validate(), `event log: no URL: want nats://host:4222
event log: name "a.b": want letters, digits, _ and -
event log: 257 partitions: want 1 to 256
event log: 258 streams for 257 partitions: want 1 to 257
event log: 6 replicas: want 1 to 5
event log: 1 bytes for 257 partitions: want at least 1077936128
event log: 1 pending bytes: want at least 1048576
event log: attempt timeout -1ns: want more than 0`)
	_, err := eventlog.Open(t.Context(), bad)
	require.EqualError(t, err, bad.Validate().Error())
}

// An error does not show the token that the URL holds.
func TestSecret(t *testing.T) {
	t.Parallel()
	_, err := eventlog.Open(t.Context(), eventlog.Config{URL: "nats://s3cret@127.0.0.1:1", Logger: quiet})
	require.ErrorContains(t, err, "connect to event log: ")
	require.NotContains(t, err.Error(), "s3cret")
	_, err = eventlog.Open(t.Context(), eventlog.Config{URL: "nats://user:s3cret@127.0.0.1:x", Logger: quiet})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "s3cret")
}

// The observer of commits receives each message: how many calls share it, and how it ended.
func TestCommitted(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	server := start(t, t.TempDir())
	commits := make(chan eventlog.Commit, 2)
	cfg := config(server)
	cfg.Committed = func(c eventlog.Commit) { commits <- c }
	l := open(ctx, t, cfg)
	_, err := l.Append(ctx, 1, []byte("a"), []byte("b"))
	require.NoError(t, err)
	c := <-commits
	require.NoError(t, c.Err)
	require.Positive(t, c.Took)
	require.Equal(t, []int{1, 1, 2}, []int{c.Stream, c.Calls, c.Records})
	require.Greater(t, c.Bytes, 2)
	l.Close()
	_, err = l.Append(ctx, 0, []byte("a"))
	require.ErrorIs(t, err, eventlog.ErrUnknownOutcome)
	require.ErrorIs(t, (<-commits).Err, eventlog.ErrUnknownOutcome)
}

// A new log may begin behind a lost one. A log that gives a sequence again was restored while it was in use: the event
// is not acknowledged.
func TestFirstSequences(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	cfg := config(start(t, t.TempDir()))
	cfg.FirstSequences = []uint64{1, 41}
	l := open(ctx, t, cfg)
	at, err := l.Append(ctx, 1, text(1))
	require.NoError(t, err)
	require.EqualValues(t, 41, at.Sequence)
	stats, err := l.Stats(ctx, 1)
	require.NoError(t, err)
	require.Equal(t, []uint64{41, 41}, []uint64{stats.First, stats.Last})
	cfg.FirstSequences = []uint64{1}
	_, err = eventlog.Open(ctx, cfg)
	require.EqualError(t, err, "event log: 1 first sequences for 2 partitions: want one for each")

	cfg.FirstSequences = nil
	for range 2 {
		require.NoError(t, eventlog.Delete(ctx, cfg))
	}
	_ = open(ctx, t, cfg)
	_, err = l.Append(ctx, 1, text(2))
	require.ErrorIs(t, err, eventlog.ErrRewound)
	require.ErrorContains(t, err, "it stored an event as 1 after 41")
	var unavailable *eventlog.UnavailableError
	require.ErrorAs(t, err, &unavailable)
}
