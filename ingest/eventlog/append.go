package eventlog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/sluicehq/sluice/ingest/eventlog/pack"
	"github.com/sluicehq/sluice/ingest/eventlog/record"
	"github.com/sluicehq/sluice/internal/delay"
	"github.com/sluicehq/sluice/internal/groupcommit"
)

// Position identifies a record of a partition.
type Position struct {
	// Sequence is that of the message, from 1.
	Sequence uint64
	// Index is the record's place in the message, from 0.
	Index uint32
}

// appendCall is one call of Append.
type appendCall struct {
	partition int
	batch     Batch
	// size is the most that the batch takes in a message.
	size     int
	position Position
	err      error
}

// Times to wait before another attempt, by callers.
const (
	retryFull       = 30 * time.Second
	retryOverloaded = 2 * time.Second
	retryUnknown    = 5 * time.Second
)

// Append stores records in a partition and returns the position of the first; the others follow
// in the same message. It returns without an error only after the log has acknowledged them.
// Once ctx ends, it waits no longer: the error is ErrNotSent if nothing is stored, and ErrUnknownOutcome if
// the records may be. The records must not be changed before Append has returned, nor after an error.
func (l *Log) Append(ctx context.Context, partition int, records ...[]byte) (Position, error) {
	return l.AppendBatch(ctx, partition, Batch{Records: records})
}

// AppendBatch does the same for records and counters: both are in one message. The position is that of the
// first record; counters have none that the caller could know.
func (l *Log) AppendBatch(ctx context.Context, partition int, batch Batch) (Position, error) {
	if partition < 0 || partition >= l.cfg.Partitions {
		return Position{}, fmt.Errorf("append to partition %d: want 0 to %d", partition, l.cfg.Partitions-1)
	}
	call := &appendCall{partition: partition, batch: batch, size: batch.size()}
	if call.size == 0 {
		return Position{}, errors.New("append to the event log: no records")
	}
	if call.size > pack.MaxRecordBytes {
		return Position{}, fmt.Errorf("append %d records of %d bytes: %w: want at most %d bytes",
			len(batch.Records)+len(batch.Counters), call.size, ErrTooLarge, pack.MaxRecordBytes)
	}
	if l.pending.Add(int64(call.size)) > l.cfg.MaxPendingBytes {
		l.pending.Add(-int64(call.size))
		return Position{}, &UnavailableError{Partition: partition, RetryAfter: retryOverloaded, Cause: ErrOverloaded}
	}
	err := l.streams[l.streamOf(partition)].commits.Call(ctx, call)
	if err == nil {
		return call.position, call.err
	}
	cause := ErrUnknownOutcome
	if errors.Is(err, groupcommit.ErrWithdrawn) {
		l.pending.Add(-int64(call.size))
		cause = ErrNotSent
	}
	return Position{}, &UnavailableError{
		Partition: partition, RetryAfter: retryUnknown, Cause: fmt.Errorf("%w: %w", cause, err),
	}
}

// PendingBytes is the size of the records that wait for their acknowledgement.
func (l *Log) PendingBytes() int64 { return l.pending.Load() }

// commit stores the batches of several calls as one message.
func (l *Log) commit(ctx context.Context, number int, calls []*appendCall) {
	s := &l.streams[number]
	s.packer.Reset()
	for _, call := range calls {
		call.position.Index = uint32(s.packer.Len())
		for _, r := range call.batch.Records {
			s.packer.Add(call.partition, r)
		}
	}
	for _, of := range countersOf(calls) {
		for _, c := range of.sums.Counters() {
			s.packer.Add(of.partition, record.Append(nil, record.Record{Counter: &c}))
		}
	}
	begun := time.Now()
	sequence, fault := l.publish(ctx, s, s.packer.Bytes())
	if fault == nil && sequence <= s.acknowledged {
		// What the log had under this sequence is lost, and a writer may be past it.
		fault = &UnavailableError{RetryAfter: retryUnknown, Cause: fmt.Errorf(
			"%w: it stored an event as %d after %d", ErrRewound, sequence, s.acknowledged)}
	} else if fault == nil {
		s.acknowledged = sequence
	}
	for _, call := range calls {
		call.position.Sequence = sequence
		if fault != nil {
			call.err = &UnavailableError{Partition: call.partition, RetryAfter: fault.RetryAfter, Cause: fault.Cause}
		}
		l.pending.Add(-int64(call.size))
	}
	if l.cfg.Committed == nil {
		return
	}
	c := Commit{
		Stream: number, Calls: len(calls), Records: s.packer.Len(), Bytes: len(s.packer.Bytes()), Took: time.Since(begun),
	}
	if fault != nil {
		c.Err = calls[0].err
	}
	l.cfg.Committed(c)
}

// publish stores a message. An attempt without an answer is repeated under the same id, which
// the log stores once, until ctx ends. The fault names no partition.
func (l *Log) publish(ctx context.Context, s *stream, message []byte) (sequence uint64, fault *UnavailableError) {
	msg := &nats.Msg{Subject: s.subject, Header: nats.Header{}, Data: message}
	msg.Header.Set(jetstream.MsgIDHeader, l.session+"-"+strconv.FormatUint(l.messages.Add(1), 36))
	msg.Header.Set(jetstream.ExpectedStreamHeader, s.name)
	unavailable := func(cause error, after time.Duration) *UnavailableError {
		return &UnavailableError{RetryAfter: after, Cause: cause}
	}
	for backoff := 20 * time.Millisecond; ; backoff = min(2*backoff, time.Second) {
		ack, err := l.attempt(ctx, msg)
		switch {
		case err == nil:
			return ack.Sequence, nil
		case isFull(err):
			return 0, unavailable(fmt.Errorf("%w: %w", ErrFull, err), retryFull)
		case errors.Is(err, nats.ErrConnectionClosed):
			return 0, unavailable(fmt.Errorf("%w: %w", ErrUnknownOutcome, err), retryUnknown)
		}
		if delay.Wait(ctx, backoff/2+rand.N(backoff/2)) != nil { //nolint:gosec // jitter is no secret
			return 0, unavailable(fmt.Errorf("%w: %w", ErrUnknownOutcome, err), retryUnknown)
		}
	}
}

func (l *Log) attempt(ctx context.Context, msg *nats.Msg) (*jetstream.PubAck, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.AttemptTimeout)
	defer cancel()
	return l.js.PublishMsg(ctx, msg, jetstream.WithRetryAttempts(0))
}

// Codes of JetStream's errors, from its errors.json.
const (
	codeInsufficientResources = 10023
	codeStorageExceeded       = 10047
	codeStoreFailed           = 10077
)

// isFull reports whether an error says that there is no room.
func isFull(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode {
	case codeInsufficientResources, codeStorageExceeded:
		return true
	case codeStoreFailed:
		return strings.HasPrefix(api.Description, "maximum ")
	default:
		return false
	}
}
