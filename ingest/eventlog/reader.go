package eventlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/sluicehq/sluice/internal/delay"
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
//
// It asks for one message, which it waits for, and then every readInterval for all that came meanwhile: to be given
// each message at once would cost the log and the reader far more than the message.
type Reader struct {
	log       *Log
	partition int
	// next is the sequence to return next.
	next uint64
	// consumer is nil without the reader's state on the server.
	consumer jetstream.Consumer
	// request is the request under way, or nil; last describes it, or the one before.
	request jetstream.MessageBatch
	last    request
	// stop ends a request for the first message.
	stop context.CancelFunc
	// held is a message behind a gap.
	held *Message
}

// request describes a request for messages.
type request struct {
	begun time.Time
	// asked is how many messages it asked for, got how many came, and bytes their size.
	asked, got, bytes int
}

// full reports whether more messages than it asked for may have been there.
func (r request) full() bool { return r.got >= r.asked || r.bytes >= readBytes/2 }

const (
	// readBytes bounds the bytes of a request for messages, readMessages their number: the client reserves memory for
	// so many.
	readBytes    = 4 << 20
	readMessages = 512
	// readInterval is the time between two requests for what has come meanwhile, unless more than one of them has room
	// for is there. readWait is how long such a request stays open.
	readInterval = 100 * time.Millisecond
	readWait     = 10 * time.Millisecond
	// firstWait is how long a request for the first message stays open.
	firstWait = 30 * time.Second
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
		if err := delay.Wait(ctx, readRetry); err != nil {
			return Message{}, err
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
	if r.consumer == nil {
		if err := r.start(ctx); err != nil {
			return Message{}, err
		}
	}
	msg, err := r.receive(ctx)
	if err != nil {
		return Message{}, fmt.Errorf("read partition %d of the event log: %w", r.partition, err)
	}
	return r.accept(msg)
}

// receive returns the next message of the consumer.
func (r *Reader) receive(ctx context.Context) (jetstream.Msg, error) {
	for {
		if r.request == nil {
			if err := r.ask(ctx); err != nil {
				return nil, err
			}
		}
		select {
		case msg, ok := <-r.request.Messages():
			if ok {
				r.last.got++
				r.last.bytes += len(msg.Data())
				return msg, nil
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		err := r.request.Error()
		r.end()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return nil, err
		}
	}
}

// ask begins the next request: for the first message after the last one has got none, otherwise for all there are.
func (r *Reader) ask(ctx context.Context) (err error) {
	next := request{asked: 1, begun: time.Now()}
	if r.last.got == 0 {
		// The request outlives a call that is given up.
		var waiting context.Context
		waiting, r.stop = context.WithTimeout(context.WithoutCancel(ctx), firstWait)
		r.request, err = r.consumer.Fetch(1, jetstream.FetchContext(waiting), jetstream.FetchHeartbeat(readHeartbeat))
	} else {
		if err := r.pause(ctx); err != nil {
			return err
		}
		next = request{asked: readMessages, begun: time.Now()}
		// It ends when the server says so: after an end of its own, it would lose what is on its way.
		r.request, err = r.consumer.Fetch(readMessages, jetstream.FetchMaxBytes(readBytes),
			jetstream.FetchMaxWait(readWait))
	}
	if err != nil {
		r.end()
		return err
	}
	r.last = next
	return nil
}

// pause waits until the next request for what has come meanwhile is due.
func (r *Reader) pause(ctx context.Context) error {
	if r.last.full() {
		return nil
	}
	timer := time.NewTimer(time.Until(r.last.begun.Add(readInterval)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end ends the request.
func (r *Reader) end() {
	if r.stop != nil {
		r.stop()
	}
	r.request, r.stop = nil, nil
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
	r.consumer, r.last = consumer, request{}
	return nil
}

// Close ends the reader's request. The server forgets its state after a while.
func (r *Reader) Close() {
	r.end()
	r.consumer = nil
}
