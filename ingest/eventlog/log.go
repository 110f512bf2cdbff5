// Package eventlog is the durable log of accepted events, on NATS JetStream.
//
// A log has a fixed number of partitions, which share a fixed number of streams. A stream is a
// sequence of messages without gaps, by which a loss is noticed; a message holds the records of one
// group commit (package pack). An event is identified by partition, sequence of its message and
// index in it, permanently.
//
// A message costs the log far more than a record in it, above all its sync to disk. With one stream,
// concurrent calls share a commit whatever their partitions are; the reader of a partition passes over
// the records of the others. With a stream for each partition, a partition has a limit of its own, so that
// a writer that lags fills its own partition only, and, in a cluster, a leader of its own.
package eventlog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/sluicehq/sluice/ingest/eventlog/pack"
	"github.com/sluicehq/sluice/internal/groupcommit"
)

// Log is a client of the event log. It is safe for concurrent use.
type Log struct {
	cfg  Config
	id   string
	conn *nats.Conn
	js   jetstream.JetStream
	// session and messages make the ids of this client's messages.
	session  string
	messages atomic.Uint64
	// pending is the size of all records that wait for their acknowledgement.
	pending atomic.Int64
	streams []stream
}

// stream is what the client keeps of one stream.
type stream struct {
	name, subject string
	commits       groupcommit.Group[*appendCall]
	packer        pack.Packer
	// acknowledged is the highest sequence that this client was given. One commit runs at a time.
	acknowledged uint64
}

// Open connects to the log, and creates it if there is none and none is expected.
func Open(ctx context.Context, cfg Config) (*Log, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	l := &Log{cfg: cfg.withDefaults(), session: nuid.Next()}
	var err error
	if l.conn, err = l.connect(); err != nil {
		return nil, err
	}
	if err := l.open(ctx); err != nil {
		l.conn.Close()
		return nil, fmt.Errorf("open event log: %w", err)
	}
	l.streams = make([]stream, l.cfg.Streams)
	for i := range l.streams {
		s := &l.streams[i]
		s.name, s.subject = l.streamName(i), l.subject(i)
		s.packer.Shared = l.shared()
		s.commits.Do = func(ctx context.Context, calls []*appendCall) { l.commit(ctx, i, calls) }
		s.commits.MaxCalls = pack.MaxRecords
		s.commits.MaxSize = pack.MaxRecordBytes
		s.commits.Size = func(c *appendCall) int { return c.size }
	}
	return l, nil
}

func (l *Log) connect() (*nats.Conn, error) {
	options := []nats.Option{
		nats.Name("sluice"), nats.MaxReconnects(-1), nats.ReconnectWait(100 * time.Millisecond),
		nats.ReconnectJitter(100*time.Millisecond, time.Second),
		// A message is never buffered while the server is away: its caller learns it.
		nats.ReconnectBufSize(-1),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				l.cfg.Logger.Warn("event log disconnected", "error", l.redact(err))
			}
		}),
		// Without a handler, the library prints to standard error. A reader that lost messages requests them again.
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			l.cfg.Logger.Warn("event log: the connection reports a fault", "error", l.redact(err))
		}),
		nats.ReconnectHandler(func(*nats.Conn) { l.cfg.Logger.Info("event log reconnected") }),
	}
	if l.cfg.Credentials != "" {
		options = append(options, nats.UserCredentials(l.cfg.Credentials))
	}
	conn, err := nats.Connect(l.cfg.URL, append(options, l.cfg.Options...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to event log: %s", l.redact(err))
	}
	return conn, nil
}

// redact returns the text of an error without the URL, which may have a password.
func (l *Log) redact(err error) string {
	text := err.Error()
	for url := range strings.SplitSeq(l.cfg.URL, ",") {
		if url = strings.TrimSpace(url); url != "" {
			text = strings.ReplaceAll(text, url, "the URL of the event log")
		}
	}
	return text
}

// requestTimeout bounds one request to the server.
const requestTimeout = 5 * time.Second

// requests returns a context that ends with ctx, but has no deadline: with one, a request would
// wait for it instead of requestTimeout.
func requests(ctx context.Context) (context.Context, context.CancelFunc) {
	undated, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	return undated, func() {
		stop()
		cancel()
	}
}

// noAnswer reports whether a request got no answer.
func noAnswer(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) ||
		errors.Is(err, nats.ErrNoResponders)
}

func (l *Log) open(ctx context.Context) (err error) {
	ctx, cancel := requests(ctx)
	defer cancel()
	const headers = 4 << 10
	if most := l.conn.MaxPayload(); most < pack.MaxBytes+headers {
		return fmt.Errorf("the server takes messages of %d bytes: want max_payload of at least %d", most,
			pack.MaxBytes+headers)
	}
	if l.js, err = jetstream.New(l.conn, jetstream.WithDefaultTimeout(requestTimeout)); err != nil {
		return err
	}
	for {
		// A cluster that elects its leaders does not answer.
		if err = l.openStreams(ctx); !noAnswer(err) || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return err
	}
	if l.cfg.ExpectID != "" && l.id != l.cfg.ExpectID {
		return fmt.Errorf("%w: the server has log %s, the store knows log %s", ErrOtherLog, l.id, l.cfg.ExpectID)
	}
	return nil
}

// ID returns the log's id, which the store keeps.
func (l *Log) ID() string { return l.id }

// Partitions returns the number of partitions.
func (l *Log) Partitions() int { return l.cfg.Partitions }

// Close closes the connection. Calls of Append that wait fail with ErrUnknownOutcome.
func (l *Log) Close() { l.conn.Close() }

// Ping reports whether the log is reachable.
func (l *Log) Ping(ctx context.Context) error {
	ctx, cancel := requests(ctx)
	defer cancel()
	if _, err := l.js.Stream(ctx, l.streamName(0)); err != nil {
		return fmt.Errorf("reach the event log: %s", l.redact(err))
	}
	return nil
}

// Stats describes the messages of the stream that has a partition, also those of the other partitions in it.
type Stats struct {
	Partition int
	// First and Last are the sequences of the oldest and the newest message. First is Last+1
	// if there is none.
	First, Last uint64
	// Bytes is the stored size, MaxBytes its limit.
	Bytes, MaxBytes int64
}

// Stats describes the stream of a partition.
func (l *Log) Stats(ctx context.Context, partition int) (Stats, error) {
	ctx, cancel := requests(ctx)
	defer cancel()
	s, err := l.js.Stream(ctx, l.streamName(l.streamOf(partition)))
	if err != nil {
		return Stats{}, fmt.Errorf("describe partition %d of the event log: %w", partition, err)
	}
	info := s.CachedInfo()
	return Stats{
		Partition: partition, First: max(info.State.FirstSeq, 1), Last: info.State.LastSeq,
		Bytes: int64(info.State.Bytes), MaxBytes: info.Config.MaxBytes,
	}, nil
}

// StoredAt returns when the log stored a message.
func (l *Log) StoredAt(ctx context.Context, partition int, sequence uint64) (time.Time, error) {
	ctx, cancel := requests(ctx)
	defer cancel()
	s, err := l.js.Stream(ctx, l.streamName(l.streamOf(partition)))
	if err != nil {
		return time.Time{}, fmt.Errorf("find message %d of partition %d of the event log: %w", sequence, partition, err)
	}
	m, err := s.GetMsg(ctx, sequence)
	if err != nil {
		return time.Time{}, fmt.Errorf("find message %d of partition %d of the event log: %w", sequence, partition, err)
	}
	return m.Time, nil
}

// Trim deletes the messages of the stream of a partition up to and including a sequence, once that one is
// older than DuplicateWindow; before, it does nothing and returns false. A younger message is
// still needed to recognise its repetition after a restart of the server. No partition of Sharing may need the
// messages any more.
func (l *Log) Trim(ctx context.Context, partition int, upTo uint64) (bool, error) {
	ctx, cancel := requests(ctx)
	defer cancel()
	s, err := l.js.Stream(ctx, l.streamName(l.streamOf(partition)))
	if err != nil {
		return false, fmt.Errorf("trim partition %d of the event log: %w", partition, err)
	}
	if upTo < s.CachedInfo().State.FirstSeq {
		return true, nil
	}
	last, err := s.GetMsg(ctx, upTo)
	if err != nil {
		return false, fmt.Errorf("trim partition %d of the event log to %d: %w", partition, upTo, err)
	}
	if time.Since(last.Time) < DuplicateWindow {
		return false, nil
	}
	if err := s.Purge(ctx, jetstream.WithPurgeSequence(upTo+1)); err != nil {
		return false, fmt.Errorf("trim partition %d of the event log to %d: %w", partition, upTo, err)
	}
	return true, nil
}

// isMissing reports whether an error says that there is no such stream.
func isMissing(err error) bool { return errors.Is(err, jetstream.ErrStreamNotFound) }
