package eventlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Message is one message of a partition.
type Message struct {
	Sequence uint64
	// Time is when the log stored the message: the same at every reading.
	Time time.Time
	// Data is the message, for pack.Split, which leaves out the records of other partitions.
	Data []byte
}

// Reader reads the stream of a partition in the order of its sequence. It is not safe for concurrent use.
type Reader struct {
	log       *Log
	partition int
	// next is the sequence to return next.
	next uint64
	// messages is nil without a consumer on the server.
	messages jetstream.MessagesContext
	// held is a message behind a gap.
	held *Message
}

const (
	// readAhead bounds the bytes of a request for messages, readMessages their number. A reader has at most two
	// requests in memory. The client reserves memory for so many messages: a limit of bytes alone makes it
	// reserve 32 MB for a million.
	readAhead    = 4 << 20
	readMessages = 4096
	// pullWait is how long a request for messages stays open.
	pullWait = 30 * time.Second
	// readHeartbeat is how often the server says that a request without a message is still open. A server that
	// has forgotten the reader is noticed after two of them.
	readHeartbeat = 2 * time.Second
	// readerIdle is how long the server keeps the state of a reader that died.
	readerIdle = 2 * time.Minute
	// readRetry is the pause before another attempt after an error.
	readRetry = 250 * time.Millisecond
)

// Read returns a reader from a sequence on, which may be the one after the last.
func (l *Log) Read(partition int, from uint64) *Reader {
	return &Reader{log: l, partition: partition, next: max(from, 1)}
}

// Next returns the next message, and waits for it if necessary, also while the server is away.
// After a *GapError the reader continues behind the gap. ErrRewound is final.
func (r *Reader) Next(ctx context.Context) (Message, error) {
	for {
		m, err := r.try(ctx)
		var gap *GapError
		switch {
		case ctx.Err() != nil && err != nil:
			return Message{}, ctx.Err()
		case err == nil, errors.Is(err, ErrRewound), errors.As(err, &gap),
			errors.Is(err, nats.ErrConnectionClosed):
			return m, err
		}
		r.Close()
		select {
		case <-ctx.Done():
			return Message{}, ctx.Err()
		case <-time.After(readRetry):
		}
	}
}

// errAgain means that the next message has to be requested again.
var errAgain = errors.New("no message yet")

// try returns the next message of the server, without another attempt.
func (r *Reader) try(ctx context.Context) (Message, error) {
	if m := r.held; m != nil {
		r.held, r.next = nil, m.Sequence+1
		return *m, nil
	}
	if r.messages == nil {
		if err := r.start(ctx); err != nil {
			return Message{}, err
		}
	}
	msg, err := r.messages.Next(jetstream.NextContext(ctx))
	if err != nil {
		return Message{}, fmt.Errorf("read partition %d of the event log: %w", r.partition, err)
	}
	return r.accept(msg)
}

// accept checks that a message is the next one.
func (r *Reader) accept(msg jetstream.Msg) (Message, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return Message{}, fmt.Errorf("read partition %d of the event log: %w", r.partition, err)
	}
	m := Message{Sequence: meta.Sequence.Stream, Time: meta.Timestamp, Data: msg.Data()}
	switch {
	case m.Sequence < r.next:
		return Message{}, fmt.Errorf("%w: got message %d of partition %d, want %d", errAgain, m.Sequence, r.partition, r.next)
	case m.Sequence > r.next:
		if lost := meta.Sequence.Consumer != 1; lost {
			// The connection may have lost messages: only a new request tells.
			return Message{}, errAgain
		}
		r.held = &m
		return Message{}, &GapError{Partition: r.partition, First: r.next, Last: m.Sequence - 1}
	}
	r.next++
	return m, nil
}

// start creates the reader's state on the server. The position is the client's business.
func (r *Reader) start(ctx context.Context) error {
	ctx, cancel := requests(ctx)
	defer cancel()
	s, err := r.log.js.Stream(ctx, r.log.streamName(r.log.streamOf(r.partition)))
	if err != nil {
		return fmt.Errorf("read partition %d of the event log: %w", r.partition, err)
	}
	if last := s.CachedInfo().State.LastSeq; last+1 < r.next {
		return fmt.Errorf("%w: partition %d ends at %d, want %d next", ErrRewound, r.partition, last, r.next)
	}
	consumer, err := s.CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: r.next, AckPolicy: jetstream.AckNonePolicy,
		InactiveThreshold: readerIdle, MemoryStorage: true, Replicas: 1,
	})
	if err != nil {
		return fmt.Errorf("read partition %d of the event log: %w", r.partition, err)
	}
	r.messages, err = consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(readMessages, readAhead),
		jetstream.PullExpiry(pullWait), jetstream.PullHeartbeat(readHeartbeat))
	if err != nil {
		return fmt.Errorf("read partition %d of the event log: %w", r.partition, err)
	}
	return nil
}

// Close ends the reader's request. The server forgets its state after a while.
func (r *Reader) Close() {
	if r.messages != nil {
		r.messages.Stop()
		r.messages = nil
	}
}
