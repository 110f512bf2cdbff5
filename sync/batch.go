package sync

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/sluicehq/sluice/internal/convert"
)

// Attempts of a call. A longer delay is the caller's to wait.
const (
	maxAttempts  = 6
	firstBackoff = time.Second
	maxBackoff   = 30 * time.Second
)

// waiter waits between attempts.
type waiter func(ctx context.Context, d time.Duration) error

// pause waits before the next attempt. It returns the fault itself if another attempt makes no sense
// here.
func pause(ctx context.Context, wait waiter, attempt int, fault error) error {
	delay := max(min(firstBackoff<<(attempt-1), maxBackoff), RetryAfter(fault))
	if ClassOf(fault) == ClassPermanent || attempt >= maxAttempts || delay > maxBackoff || ctx.Err() != nil {
		return fault
	}
	return wait(ctx, delay)
}

// retry calls fn until it succeeds.
func retry[T any](ctx context.Context, wait waiter, fn func() (T, error)) (T, error) {
	for attempt := 1; ; attempt++ {
		result, err := fn()
		if err == nil {
			return result, nil
		}
		if err := pause(ctx, wait, attempt, err); err != nil {
			return result, err
		}
	}
}

// item is a record of a batch.
type item struct {
	body      json.RawMessage
	delivered bool
	rejected  bool
	stage     Stage
	reason    string
}

func (i *item) reject(stage Stage, text string) {
	i.rejected, i.stage, i.reason = true, stage, reason(text)
}

// batch is the records of a page on their way to the target.
type batch struct {
	write func(ctx context.Context, records []json.RawMessage) ([]Outcome, error)
	wait  waiter
	items []*item
}

// deliver writes until each record is delivered or rejected, or returns the error of the last attempt.
func (b *batch) deliver(ctx context.Context) error {
	left := pending(b.items)
	for attempt := 1; len(left) > 0; attempt++ {
		err := b.once(ctx, left)
		still := pending(left)
		if len(still) == 0 {
			return nil
		}
		if len(still) < len(left) {
			attempt = 1
		}
		left = still
		if ClassOf(err) == ClassUnknown && attempt >= isolateAfter {
			return b.isolate(ctx, left, err)
		}
		if err := pause(ctx, b.wait, attempt, err); err != nil {
			return err
		}
	}
	return nil
}

func pending(items []*item) []*item {
	var left []*item
	for _, i := range items {
		if !i.delivered && !i.rejected {
			left = append(left, i)
		}
	}
	return left
}

// once makes one write. It returns an error unless every record has an outcome.
func (b *batch) once(ctx context.Context, items []*item) error {
	bodies := convert.Slice(items, func(i *item) json.RawMessage { return i.body })
	outcomes, err := b.write(ctx, bodies)
	if len(outcomes) != len(items) {
		return errors.Join(err, failure(ClassUnavailable, "the writer accounts for %d records: want %d",
			len(outcomes), len(items)))
	}
	for n, i := range items {
		switch o := outcomes[n]; o.State {
		case StateDelivered:
			i.delivered = true
		case StateRejected:
			i.reject(StageWrite, o.Reason)
		case StateUnsent:
		}
	}
	if err == nil && len(pending(items)) > 0 {
		return failure(ClassUnavailable, "the writer has not sent all records")
	}
	return err
}

// Isolation of a record on which the target fails.
const (
	// isolateAfter is the number of attempts before.
	isolateAfter = 3
	// isolateLevels is how often the records are halved while the target fails on all of them.
	isolateLevels = 4
	// confirmations is the number of further failures of a record alone.
	confirmations = 3
)

// isolate finds the records on which the target fails. It writes halves, and halves of those that
// fail. A record that fails alone, again and again, is rejected if the target has processed another one
// meanwhile: it works, and the record is the cause. Otherwise the target is the cause, and the error is
// returned.
func (b *batch) isolate(ctx context.Context, items []*item, cause error) error {
	groups, working := [][]*item{items}, false
	var suspects []*item
	for level := 1; len(groups) > 0; level++ {
		if level > isolateLevels && !working {
			return cause
		}
		var failing [][]*item
		for _, group := range groups {
			for _, half := range halves(group) {
				err := b.once(ctx, half)
				left := pending(half)
				working = working || len(left) < len(half)
				switch {
				case len(left) == 0:
				case ClassOf(err) != ClassUnknown || ctx.Err() != nil:
					return err
				case len(left) == 1:
					suspects = append(suspects, left[0])
				default:
					failing = append(failing, left)
				}
			}
		}
		groups = failing
	}
	if !working {
		return cause
	}
	for _, suspect := range suspects {
		if err := b.confirm(ctx, suspect); err != nil {
			return err
		}
	}
	return nil
}

// confirm writes a record alone, and rejects it after several failures.
func (b *batch) confirm(ctx context.Context, suspect *item) error {
	for attempt := 1; ; attempt++ {
		err := b.once(ctx, []*item{suspect})
		switch {
		case suspect.delivered || suspect.rejected:
			return nil
		case ClassOf(err) != ClassUnknown:
			return err
		case attempt == confirmations:
			suspect.reject(StageWrite, "the target fails on this record: "+err.Error())
			return nil
		}
		if err := pause(ctx, b.wait, attempt, err); err != nil {
			return err
		}
	}
}

func halves(items []*item) [][]*item {
	if len(items) < 2 {
		return [][]*item{items}
	}
	half := len(items) / 2
	return [][]*item{items[:half], items[half:]}
}
