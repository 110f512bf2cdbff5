package writer_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/eventlog/pack"
	"github.com/sluicehq/sluice/ingest/eventlog/record"
	"github.com/sluicehq/sluice/ingest/session"
	"github.com/sluicehq/sluice/ingest/writer"
)

var quiet = slog.New(slog.DiscardHandler)

func config(w *world) writer.Config {
	return writer.Config{
		Log: w, Checkpoints: w, Warehouse: w, LogID: "log", MaxRows: 4, MaxAge: time.Millisecond, SnapshotRanges: 2,
		MinBackoff: 1, MaxBackoff: 2, Logger: quiet,
	}
}

// message packs records as message of a sequence.
func message(sequence int, records ...[]byte) eventlog.Message {
	var p pack.Packer
	for _, r := range records {
		p.Add(0, r)
	}
	m := eventlog.Message{Sequence: uint64(sequence), Time: logged.Add(time.Duration(sequence) * time.Minute)}
	if len(records) > 0 {
		m.Data = slices.Clone(p.Bytes())
	}
	return m
}

// event is an encoded pageview of a user, so many minutes after the first message.
func event(user uint64, minutes int, name string) []byte {
	return record.Append(nil, record.Record{Event: &record.Event{
		SiteID: 1, Domain: "example.com", UserID: user, Timestamp: logged.Unix() + int64(minutes)*60, Name: name,
		Hostname: "example.com", Pathname: fmt.Sprint("/", minutes), Interactive: true, ScrollDepth: record.Missing,
	}})
}

// drawMessages draws a log, with records and messages that cannot be written, and counts those.
func drawMessages(t *rapid.T) (messages []eventlog.Message, poisoned int) {
	for i := range rapid.IntRange(1, 14).Draw(t, "messages") {
		if rapid.IntRange(0, 9).Draw(t, "corrupt") == 0 {
			m := message(i+1, []byte("x"))
			m.Data[len(m.Data)-1] ^= 1
			messages = append(messages, m)
			poisoned++
			continue
		}
		var records [][]byte
		for range rapid.IntRange(1, 3).Draw(t, "records") {
			switch rapid.IntRange(0, 9).Draw(t, "kind") {
			case 0:
				records = append(records, []byte{0x0a, 5})
				poisoned++
			case 1:
				records = append(records, event(0, i, record.NamePageview))
				poisoned++
			case 2:
				records = append(records, record.Append(nil, record.Record{Counter: &record.Counter{
					Bucket: logged.Unix(), Domain: "example.com", Metric: "dropped_bot", Value: 3,
				}}))
			case 3:
				records = append(records, event(rapid.Uint64Range(1, 3).Draw(t, "user"), i*9, record.NameEngagement))
			default:
				records = append(records, event(rapid.Uint64Range(1, 3).Draw(t, "user"), i*9, record.NamePageview))
			}
		}
		messages = append(messages, message(i+1, records...))
	}
	return messages, poisoned
}

// process runs a writer until everything is written, it crashes, or it fails.
func (w *world) process(cfg writer.Config) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	w.mu.Lock()
	w.token++
	w.crash, w.crashed = cancel, false
	token := w.token
	w.mu.Unlock()
	cfg.Written = func(written writer.Written) {
		if int(written.To) == len(w.messages) {
			cancel()
		}
	}
	wr, err := writer.New(cfg)
	if err != nil {
		return err
	}
	return wr.Run(ctx, 0, token)
}

// table is what the warehouse shows.
type table struct {
	events   map[string]int
	sessions map[uint64]session.Session
	counters map[record.Counter]uint64
}

func (w *world) table() table {
	t := table{map[string]int{}, map[uint64]session.Session{}, map[record.Counter]uint64{}}
	for _, e := range w.events {
		t.events[fmt.Sprint(e.Sequence, e.Index, e.SessionID, e.UserID, e.Pathname)]++
	}
	for _, s := range w.sessions {
		if s.Version >= t.sessions[s.ID].Version {
			t.sessions[s.ID] = session.Session{
				ID: s.ID, UserID: s.UserID, Start: s.Start, Timestamp: s.Timestamp, EntryPage: s.EntryPage,
				ExitPage: s.ExitPage, IsBounce: s.IsBounce, Pageviews: s.Pageviews, Events: s.Events, Version: s.Version,
			}
		}
	}
	for _, c := range w.counters {
		value := c.Value
		c.Value = 0
		t.counters[c.Counter] += value
	}
	return t
}

// Whatever fails, and wherever the process crashes: every event is in the warehouse once, in the
// session and with the counts that it has without any fault.
func TestExactlyOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		messages, poisoned := drawMessages(t)
		calm := newWorld(messages)
		require.Error(t, calm.process(config(calm)))
		require.EqualValues(t, len(messages)+1, calm.progress.Next)
		require.Equal(t, poisoned, calm.poisoned)

		w := newWorld(messages)
		// The faults of ClickHouse and those of the process are not drawn together with late
		// inserts: of two in a row, only one must count, which no client can see to.
		actions := rapid.SampledFrom([][]action{
			{proceed, proceed, failBefore, failAfter, crashBefore, crashAfter, late},
			{proceed, proceed, failBefore, failAfter, crashBefore, crashAfter, loseRows, doubleRows},
		}).Draw(t, "faults")
		w.plan = rapid.SliceOfN(rapid.SampledFrom(actions), 0, 80).Draw(t, "plan")
		processes := 0
		for int(w.progress.Next) <= len(messages) {
			require.Error(t, w.process(config(w)))
			processes++
			require.LessOrEqual(t, processes, len(w.plan)+2)
		}
		w.arrive()
		require.Equal(t, calm.table(), w.table())
		require.Equal(t, poisoned, w.poisoned)
		require.Len(t, w.poison, poisoned)
		next := uint64(1)
		for _, r := range w.ranges {
			require.Equal(t, next, r.From, "ranges neither overlap nor leave out a message")
			next = r.To + 1
		}
	})
}

// A writer that lost its lease, wherever it stands, changes nothing: its successor writes, and the
// result is as if there had been one.
func TestZombie(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		messages, _ := drawMessages(t)
		calm := newWorld(messages)
		require.Error(t, calm.process(config(calm)))

		w := newWorld(messages)
		frozenAt := rapid.IntRange(0, calm.calls-1).Draw(t, "call")
		frozen, thaw := make(chan struct{}), make(chan struct{})
		var once bool
		w.pause = func(token int64, call int) {
			if token == 1 && call >= frozenAt && !once {
				once = true
				close(frozen)
				<-thaw
			}
		}
		result := make(chan error, 1)
		go func() { result <- w.process(config(w)) }()
		select {
		case <-frozen:
			require.Error(t, w.process(config(w)))
			close(thaw)
			require.ErrorIs(t, <-result, writer.ErrFenced)
		case err := <-result:
			// No checkpoint was requested after that call.
			require.Error(t, err)
		}
		require.EqualValues(t, len(messages)+1, w.progress.Next)
		require.Equal(t, calm.table(), w.table())
	})
}

// A fault that stays does not end the run: it retries until the lease ends.
func TestWarehouseAway(t *testing.T) {
	t.Parallel()
	w := newWorld([]eventlog.Message{message(1, event(1, 0, record.NamePageview))})
	// Load, Decide, and then nothing but faults, until it is back.
	w.plan = append([]action{proceed, proceed}, slices.Repeat([]action{failBefore}, 20)...)
	err := w.process(config(w))
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, w.events, 1)
	require.Len(t, w.ranges, 1)
}

// A range that does not become right is an error that names the counts.
func TestBeyondRepair(t *testing.T) {
	t.Parallel()
	w := newWorld([]eventlog.Message{message(1, event(1, 0, record.NamePageview))})
	w.plan = slices.Repeat([]action{loseRows}, 20)
	err := w.process(config(w))
	require.EqualError(t, err, "write partition 0: range is still wrong after repairs: range 0/1-1 has "+
		"{Events:0 Sessions:1 Counters:1}, want {Events:1 Sessions:1 Counters:1} after 3 repairs")
	// The next run continues where this one ended.
	w.plan = nil
	require.ErrorIs(t, w.process(config(w)), context.Canceled)
	require.Len(t, w.events, 1)
	require.Len(t, w.ranges, 1)
}

// Records of a newer version are not lost: what is before them is written, and then the
// partition waits.
func TestNewerVersion(t *testing.T) {
	t.Parallel()
	newer := message(2, []byte("x"))
	newer.Data[3] = pack.VersionShared + 1
	for name, second := range map[string]eventlog.Message{
		"message": newer, "record": message(2, event(1, 1, record.NamePageview), []byte{0x38, 1}),
	} {
		w := newWorld([]eventlog.Message{message(1, event(1, 0, record.NamePageview)), second})
		cfg := config(w)
		cfg.MaxAge = time.Hour
		for range 2 {
			require.ErrorIs(t, w.process(cfg), writer.ErrNewer, name)
			require.Len(t, w.events, 1, name)
			require.EqualValues(t, 2, w.progress.Next, name)
		}
	}
}

// A writer writes the records of its partition, under their places in the messages, and passes over those of the
// others in its stream.
func TestSharedStream(t *testing.T) {
	t.Parallel()
	shared := func(sequence int, partitions ...int) eventlog.Message {
		p := pack.Packer{Shared: true}
		for i, partition := range partitions {
			p.Add(partition, event(uint64(partition+1), i, record.NamePageview))
		}
		m := message(sequence)
		m.Data = slices.Clone(p.Bytes())
		return m
	}
	w := newWorld([]eventlog.Message{shared(1, 1, 0, 2, 0), shared(2, 2, 1), shared(3, 0)})
	require.ErrorIs(t, w.process(config(w)), context.Canceled)
	require.EqualValues(t, 4, w.progress.Next)
	var at []eventlog.Position
	for _, e := range w.events {
		require.EqualValues(t, 1, e.UserID)
		at = append(at, eventlog.Position{Sequence: e.Sequence, Index: e.Index})
	}
	require.Equal(t, []eventlog.Position{{Sequence: 1, Index: 1}, {Sequence: 1, Index: 3}, {Sequence: 3, Index: 0}}, at)

	// A record of another partition, which this program does not know, does not belong to this writer.
	p := pack.Packer{Shared: true}
	p.Add(1, []byte{0x38, 1})
	p.Add(0, event(1, 0, record.NamePageview))
	newer := message(1)
	newer.Data = p.Bytes()
	w = newWorld([]eventlog.Message{newer})
	require.ErrorIs(t, w.process(config(w)), context.Canceled)
	require.Len(t, w.events, 1)
}

// Lost messages stop the partition, unless the operator says otherwise.
func TestGap(t *testing.T) {
	t.Parallel()
	w := newWorld([]eventlog.Message{
		message(1, event(1, 0, record.NamePageview)), {Sequence: 2}, message(3, event(1, 1, record.NamePageview)),
	})
	cfg := config(w)
	cfg.MaxAge = time.Hour
	var gap *eventlog.GapError
	require.ErrorAs(t, w.process(cfg), &gap)
	cfg.SkipGaps, cfg.MaxRows = true, 2
	require.ErrorIs(t, w.process(cfg), context.Canceled)
	require.Len(t, w.events, 2)
}

func TestPoison(t *testing.T) {
	t.Parallel()
	bad := &record.Event{
		Timestamp: -1, Attributes: record.Attributes{CountryCode: "DEU"}, Revenue: &record.Revenue{
			SourceAmount: 1_000_000_000_000_000_000, SourceCurrency: "EURO",
		},
	}
	w := newWorld([]eventlog.Message{message(1,
		record.Append(nil, record.Record{Event: bad}), event(1, 0, record.NamePageview),
		record.Append(nil, record.Record{Counter: &record.Counter{Bucket: 1 << 32}}),
	)})
	require.ErrorIs(t, w.process(config(w)), context.Canceled)
	require.Len(t, w.events, 1)
	require.Len(t, w.poison, 2)
	require.Equal(t, `no site_id
no user_id
no name
timestamp -1: want seconds from 1970 to 2106
country_code "DEU": want 2 bytes
revenue_source_currency "EURO": want 3 bytes
revenue_source_amount of 1000000000000000000 thousandths: want less than 1000000000000000000`, w.poison[0].Reason)
	require.Equal(t, "no metric\nevent_timebucket 4294967296: want seconds from 1970 to 2106", w.poison[1].Reason)
	require.Equal(t, 2, w.poison[1].Index)
	require.EqualValues(t, 1, w.poison[0].Sequence)
	require.NotEmpty(t, w.poison[0].Sample)
}

func TestConfig(t *testing.T) {
	t.Parallel()
	_, err := writer.New(writer.Config{MaxRows: -1})
	require.EqualError(t, err, "writer: no log\nwriter: no checkpoints\nwriter: no warehouse\nwriter: no id of the log\n"+
		"writer: a limit is negative: want 0 for the default, or more")
	key := writer.Key{LogID: "log", Range: writer.Range{Partition: 3, From: 5, To: 9}, Repair: 2}
	require.Equal(t, "log/3/5-9#2", key.Token())
}
