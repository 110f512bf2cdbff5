// Package activities has what the activities of both halves share: the translation of errors, the
// interceptors for heartbeats and last errors, and the test of connections. Every activity may run
// twice, also at the same time, and may be killed at any point.
//
// The activities are in importing and delivery, two halves that do not know each other, and in
// dispatch, the bridge between them.
package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/inbound"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// TypeTransient is the type of errors that are worth a retry. Permanent ones have
// their importers.Class as their type.
const TypeTransient = "transient"

// Types of errors that no retry of the activity changes, and that tell the workflow what
// to do instead.
const (
	// TypeUnlocked asks to acquire the import's locks again.
	TypeUnlocked = "unlocked"
	// TypeUnfinished asks to load the parts of the import that the store knows as open.
	TypeUnfinished = "unfinished"
	// TypeUnverified asks to repair what the warehouse holds of the import.
	TypeUnverified = "unverified"
	// TypeUnchanged says that there is nothing to import.
	TypeUnchanged = "unchanged"
	// TypeWait requests a retry at a later time; its details are a Wait.
	TypeWait = "wait"
)

// TypeAdvanced is the type of the error by which an attempt at a part that has made
// progress asks for a new activity. Temporal counts attempts, and lengthens the pauses
// between them, over the whole life of an activity: a part that is interrupted now
// and then, but advances, would be kept waiting for minutes and given up in the end.
const TypeAdvanced = "advanced"

// Wait is until when an import waits for its source, and why.
type Wait struct {
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`
}

// storeClasses are the store's refusals that no retry changes.
var storeClasses = map[error]importers.Class{
	store.ErrNotFound:      importers.ClassEnded,
	store.ErrConflict:      importers.ClassEnded,
	importstore.ErrOverlap: importers.ClassNoDays,
	// An import of which nothing was loaded ends as unchanged before it comes to this.
	importstore.ErrNothingLoaded: importers.ClassInternal,
	store.ErrLimit:               importers.ClassInput,
	importstore.ErrDecided:       importers.ClassEnded,
	importstore.ErrSelfReview:    importers.ClassAccess,
}

// keyFaults are those of a connection whose secrets cannot be opened: an operator has to give the
// worker the key set, and no retry does that.
var keyFaults = []error{connections.ErrNoKeyset, connections.ErrUnknownKey, connections.ErrSealBroken}

// Bounds of an error's text in histories, in bytes of JSON. A list of faults is cut at a whole
// fault, and ends with "and N more".
const (
	MaxMessage = 2000
	// MaxFaults is for permanent errors, which are written once: the faults of many files.
	MaxFaults = 24 << 10
)

// Failure turns an error into what Temporal's retries understand. Details, if any,
// go along with it.
func Failure(err error, details ...any) error {
	if err == nil {
		return nil
	}
	// A requested cancellation is not a fault.
	if errors.Is(err, context.Canceled) && !errors.Is(err, ErrWorkerStopping) {
		return err
	}
	if temporal.IsCanceledError(err) {
		// The same, as the SDK words the reason for which it has cancelled a context.
		return context.Canceled
	}
	message := inbound.CutLines(Plain(err.Error()), MaxMessage)
	options := temporal.ApplicationErrorOptions{Details: details}
	if kind, detail := turnOf(err, message); kind != "" {
		options.NonRetryable = true
		if detail != nil {
			options.Details = []any{detail}
		}
		return temporal.NewApplicationErrorWithOptions(message, kind, options)
	}
	class, permanent := importers.ClassOf(err)
	for sentinel, c := range storeClasses {
		if errors.Is(err, sentinel) {
			class, permanent = c, true
		}
	}
	if slices.ContainsFunc(keyFaults, func(fault error) bool { return errors.Is(err, fault) }) {
		class, permanent = importers.ClassAccess, true
	}
	if permanent {
		options.NonRetryable = true
		message = inbound.CutLines(Plain(err.Error()), MaxFaults)
		return temporal.NewApplicationErrorWithOptions(message, string(class), options)
	}
	if after, ok := errors.AsType[*importers.RetryAfterError](err); ok {
		options.NextRetryDelay = after.After
	}
	return temporal.NewApplicationErrorWithOptions(message, TypeTransient, options)
}

// turnOf returns the type of an error that is no fault but a turn in the import's way,
// and what the workflow must know of it; "" for any other.
func turnOf(err error, message string) (kind string, detail any) {
	var wait *importers.WaitError
	switch {
	case errors.As(err, &wait):
		latest := time.Now().Add(importers.MaxWait)
		until := wait.Until
		if until.After(latest) {
			until = latest
		}
		return TypeWait, Wait{Until: until.UTC(), Reason: message}
	case errors.Is(err, importstore.ErrUnlocked):
		return TypeUnlocked, nil
	case errors.Is(err, importstore.ErrUnfinished):
		return TypeUnfinished, nil
	case errors.Is(err, ErrUnverified):
		return TypeUnverified, nil
	case errors.Is(err, importers.ErrUnchanged):
		return TypeUnchanged, nil
	default:
		return "", nil
	}
}

// Plain makes text fit for Temporal, which takes valid UTF-8 only: what an error quotes
// may hold anything, and an attempt whose outcome cannot be reported counts as lost.
func Plain(text string) string { return strings.ToValidUTF8(text, string(utf8.RuneError)) }

// ErrWorkerStopping ends an activity early, to be taken up by another worker.
var ErrWorkerStopping = errors.New("the worker is stopping")

// UntilStop returns a context that also ends when the worker begins to stop, so
// that a deploy does not wait for a long import: the next attempt continues where
// this one stopped.
func UntilStop(ctx context.Context) (context.Context, context.CancelFunc) {
	stopping := activity.GetWorkerStopChannel(ctx)
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		select {
		case <-stopping:
			cancel(fmt.Errorf("%w: %w", ErrWorkerStopping, context.Canceled))
		case <-done:
		}
	}()
	return ctx, func() { close(done); cancel(nil) }
}

// Cause prefers the reason for which a context was cancelled to whatever that has
// torn: not every driver says so. A permanent error stays one.
func Cause(ctx context.Context, err error) error {
	if _, permanent := importers.ClassOf(err); err == nil || permanent || !errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	return context.Cause(ctx)
}

// ErrUnverified tells that an import holds other rows than were recorded.
var ErrUnverified = errors.New("the warehouse holds other rows than were recorded")
