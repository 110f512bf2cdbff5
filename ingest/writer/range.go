package writer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/internal/delay"
)

// collect returns the rows of the open range, or decides the next one. Resumed says that an
// earlier run may have inserted rows of it.
func (r *run) collect(ctx context.Context) (b *batch, resumed bool, err error) {
	b = newBatch(r.partition, r.machine)
	if r.open != nil {
		if err := r.collectOpen(ctx, b); err != nil {
			return nil, false, err
		}
		b.end(r.open.Range)
		return b, true, nil
	}
	last, err := r.collectNext(ctx, b)
	if err != nil {
		return nil, false, err
	}
	decided := Range{Partition: r.partition, From: r.next, To: last}
	if err := r.cfg.Checkpoints.Decide(ctx, r.token, decided); err != nil {
		return nil, false, fmt.Errorf("decide range %s: %w", decided, err)
	}
	r.open = &Open{Range: decided}
	b.end(decided)
	return b, false, nil
}

// collectOpen reads a range that was decided.
func (r *run) collectOpen(ctx context.Context, b *batch) error {
	if r.open.From != r.next {
		return fmt.Errorf("range %s is open, but message %d is next", r.open.Range, r.next)
	}
	for at := r.next; at <= r.open.To; {
		m, err := r.read(ctx)
		if err != nil {
			return fmt.Errorf("read range %s: %w", r.open.Range, err)
		}
		if m.Sequence > r.open.To {
			return fmt.Errorf("read range %s: the log continues with message %d", r.open.Range, m.Sequence)
		}
		if err := b.add(m); err != nil {
			return err
		}
		at = m.Sequence + 1
	}
	return nil
}

// collectNext reads messages until there are enough, or the first has waited for long enough,
// and returns the sequence of the last.
func (r *run) collectNext(ctx context.Context, b *batch) (last uint64, err error) {
	if r.fault != nil {
		return 0, r.fault
	}
	var deadline time.Time
	for b.records < r.cfg.MaxRows && b.bytes < r.cfg.MaxBytes {
		m, err := r.readUntil(ctx, deadline)
		if last > 0 && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil {
			return 0, err
		}
		if err := b.add(m); err != nil {
			if last == 0 {
				return 0, err
			}
			// The range ends before the message.
			r.fault = err
			break
		}
		if last == 0 {
			deadline = time.Now().Add(r.cfg.MaxAge)
		}
		last = m.Sequence
	}
	return last, nil
}

// readUntil returns the next message, or context.DeadlineExceeded after the deadline. Its zero
// value is none.
func (r *run) readUntil(ctx context.Context, deadline time.Time) (eventlog.Message, error) {
	if deadline.IsZero() {
		return r.read(ctx)
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	return r.read(ctx)
}

// read returns the next message.
func (r *run) read(ctx context.Context) (eventlog.Message, error) {
	for {
		m, err := r.reader.Next(ctx)
		var gap *eventlog.GapError
		if !errors.As(err, &gap) || !r.cfg.SkipGaps {
			return m, err
		}
		r.cfg.Logger.Error("messages are missing from the event log", "partition", gap.Partition, "first", gap.First,
			"last", gap.Last)
	}
}

// write inserts the rows of a range, and returns once they were counted. A fault of the warehouse
// is retried until ctx ends: meanwhile the log grows.
func (r *run) write(ctx context.Context, b *batch, resumed bool) (repairs int, err error) {
	if b.counts() == (Counts{}) {
		return 0, nil
	}
	insert := !resumed
	for backoff := r.cfg.MinBackoff; ; backoff = min(2*backoff, r.cfg.MaxBackoff) {
		done, err := r.attempt(ctx, b, insert, &repairs)
		switch {
		case done:
			return repairs, nil
		case ctx.Err() != nil:
			return repairs, ctx.Err()
		case errors.Is(err, ErrFenced), errors.Is(err, errRepairs):
			return repairs, err
		}
		r.cfg.Logger.Warn("range not written yet", "range", b.String(), "retry_after", backoff, "error", err)
		// The outcome is unknown: the next attempt counts first.
		insert = false
		if err := delay.Wait(ctx, backoff); err != nil {
			return repairs, err
		}
	}
}

// errRepairs means that a range does not become right by repairs.
var errRepairs = errors.New("range is still wrong after repairs")

// attempt makes one attempt at a range: it inserts the rows, unless the caller does not know
// whether there are any; counts them; and repairs them if need be.
func (r *run) attempt(ctx context.Context, b *batch, insert bool, repairs *int) (bool, error) {
	key := Key{LogID: r.cfg.LogID, Range: b.Range, Repair: r.open.Repair}
	if insert {
		if err := r.cfg.Warehouse.Insert(ctx, key, b.Rows); err != nil {
			return false, fmt.Errorf("insert range %s: %w", b.Range, err)
		}
	}
	for fresh := insert; ; fresh = true {
		have, err := r.cfg.Warehouse.Count(ctx, key, b.Rows)
		if err != nil {
			return false, fmt.Errorf("count range %s: %w", b.Range, err)
		}
		want := b.counts()
		switch {
		case have == want:
			return true, nil
		case !fresh && key.Repair == 0 && partial(have, want):
			// Tables without rows get theirs, under the usual token: an insert that was given
			// up may still be on its way, and only one of the two must count.
			if err := r.cfg.Warehouse.Insert(ctx, key, missing(b.Rows, have)); err != nil {
				return false, fmt.Errorf("insert range %s: %w", b.Range, err)
			}
			continue
		case *repairs == maxRepairs:
			return false,
				fmt.Errorf("%w: range %s has %+v, want %+v after %d repairs", errRepairs, b.Range, have, want, *repairs)
		}
		*repairs++
		key.Repair++
		if err := r.repair(ctx, key, b); err != nil {
			return false, err
		}
	}
}

// repair purges a range and inserts it under a token that was never used.
func (r *run) repair(ctx context.Context, key Key, b *batch) error {
	if err := r.cfg.Checkpoints.RecordRepair(ctx, r.token, b.Range, key.Repair); err != nil {
		return fmt.Errorf("record repair %d of range %s: %w", key.Repair, b.Range, err)
	}
	r.open.Repair = key.Repair
	r.cfg.Logger.Warn("range was short or doubled", "range", b.String(), "repair", key.Repair)
	if err := r.cfg.Warehouse.Purge(ctx, key, b.Rows); err != nil {
		return fmt.Errorf("purge range %s: %w", b.Range, err)
	}
	if err := r.cfg.Warehouse.Insert(ctx, key, b.Rows); err != nil {
		return fmt.Errorf("insert range %s: %w", b.Range, err)
	}
	return nil
}

// partial reports whether each table has all of its rows or none.
func partial(have, want Counts) bool {
	return (have.Events == 0 || have.Events == want.Events) &&
		(have.Sessions == 0 || have.Sessions == want.Sessions) &&
		(have.Counters == 0 || have.Counters == want.Counters)
}

// missing returns the rows of the tables that have none.
func missing(rows Rows, have Counts) Rows {
	if have.Events > 0 {
		rows.Events = nil
	}
	if have.Sessions > 0 {
		rows.Sessions = nil
	}
	if have.Counters > 0 {
		rows.Counters = nil
	}
	return rows
}
