package starter

import (
	"context"
	"errors"
	"log/slog"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"
)

// cancelHandler logs at level info what the Temporal SDK calls an error or a warning
// though it is the cancellation of an activity: a person's decision, or the end of the
// worker.
type cancelHandler struct{ slog.Handler }

// Handle logs the record.
func (h cancelHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level > slog.LevelInfo && isCancellation(r) {
		r.Level = slog.LevelInfo
		if !h.Enabled(ctx, r.Level) {
			return nil
		}
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs returns a handler whose records have the attributes.
func (h cancelHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return cancelHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup returns a handler whose attributes are in the group.
func (h cancelHandler) WithGroup(name string) slog.Handler {
	return cancelHandler{h.Handler.WithGroup(name)}
}

// isCancellation says whether the record is one of the SDK's about an activity, with a
// cancellation as its error.
func isCancellation(r slog.Record) bool {
	if r.Message != "Activity error." && r.Message != "RecordActivityHeartbeat with error" {
		return false
	}
	cancelled := false
	r.Attrs(func(a slog.Attr) bool {
		err, ok := a.Value.Any().(error)
		var call *serviceerror.Canceled
		cancelled = ok && (errors.Is(err, context.Canceled) || temporal.IsCanceledError(err) || errors.As(err, &call))
		return !cancelled
	})
	return cancelled
}
