package activities

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// detail is the detail of an error.
type detail struct{ Chunks int }

func TestFailure(t *testing.T) {
	t.Parallel()
	wrap := func(err error) error { return fmt.Errorf("load: %w", err) }
	for name, tc := range map[string]struct {
		err       error
		kind      string
		permanent bool
		after     time.Duration
	}{
		"transient":              {wrap(io.ErrUnexpectedEOF), TypeTransient, false, 0},
		"deadline":               {wrap(context.DeadlineExceeded), TypeTransient, false, 0},
		"permanent":              {wrap(importers.Permanent(importers.ClassInput, io.EOF)), "bad_input", true, 0},
		"permanent among others": {errors.Join(io.EOF, importers.Permanent(importers.ClassAccess, io.EOF)), "access_denied", true, 0},
		"retry after":            {wrap(importers.RetryAfter(time.Minute, io.EOF)), TypeTransient, false, time.Minute},
		"permanent after all":    {importers.Permanent(importers.ClassSource, importers.RetryAfter(time.Minute, io.EOF)), "source_unavailable", true, 0},
		"not found":              {wrap(store.ErrNotFound), "ended", true, 0},
		"conflict":               {wrap(store.ErrConflict), "ended", true, 0},
		"limit":                  {wrap(store.ErrLimit), "bad_input", true, 0},
		"decided":                {wrap(importstore.ErrDecided), "ended", true, 0},
		"unlocked":               {wrap(importstore.ErrUnlocked), TypeUnlocked, true, 0},
		"unfinished":             {wrap(importstore.ErrUnfinished), TypeUnfinished, true, 0},
		"unchanged":              {wrap(importers.ErrUnchanged), TypeUnchanged, true, 0},
		"overlap":                {wrap(importstore.ErrOverlap), "no_free_days", true, 0},
		"fenced":                 {wrap(store.ErrFenced), TypeTransient, false, 0},
		"taken":                  {wrap(store.ErrTaken), TypeTransient, false, 0},
		"no key set":             {wrap(connections.ErrNoKeyset), "access_denied", true, 0},
		"missing key":            {wrap(connections.ErrUnknownKey), "access_denied", true, 0},
		"broken seal":            {wrap(connections.ErrSealBroken), "access_denied", true, 0},
		"worker stopping":        {fmt.Errorf("%w: %w", ErrWorkerStopping, context.Canceled), TypeTransient, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var app *temporal.ApplicationError
			require.ErrorAs(t, Failure(tc.err, detail{Chunks: 7}), &app)
			require.Equal(t, tc.err.Error(), app.Message())
			require.Equal(t, tc.kind, app.Type())
			require.Equal(t, tc.permanent, app.NonRetryable())
			require.Equal(t, tc.after, app.NextRetryDelay())
			var advance detail
			require.NoError(t, app.Details(&advance))
			require.Equal(t, detail{Chunks: 7}, advance)
		})
	}
	require.NoError(t, Failure(nil))
	cancelled := wrap(context.Canceled)
	require.Equal(t, cancelled, Failure(cancelled), "no fault, and no retry")
	require.Equal(t, context.Canceled, Failure(fmt.Errorf("read: %w", temporal.NewCanceledError())),
		"the SDK's reason for cancelling a context is the same")
}

// Messages go into histories: they are bounded and valid, wherever they are cut and
// whatever they quote.
func TestFailureMessages(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, want string }{
		"short":           {"x", "x"},
		"at the limit":    {strings.Repeat("x", MaxMessage), strings.Repeat("x", MaxMessage)},
		"too long":        {strings.Repeat("x", MaxMessage+1), strings.Repeat("x", MaxMessage-3) + "..."},
		"cut in a letter": {strings.Repeat("x", MaxMessage-4) + "日本", strings.Repeat("x", MaxMessage-4) + "..."},
		"many faults":     {strings.Repeat("a fault of a file\n", 999) + "the last", strings.Repeat("a fault of a file\n", 104) + "and 896 more"},
		"broken":          {"a\xffb", "a\uFFFDb"},
		"all broken":      {strings.Repeat("\xff", MaxMessage), "\uFFFD"},
		"empty":           {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var app *temporal.ApplicationError
			require.ErrorAs(t, Failure(errors.New(tc.text)), &app)
			require.Equal(t, tc.want, app.Message())
			require.True(t, utf8.ValidString(app.Message()))
		})
	}
}

func TestCauseOf(t *testing.T) {
	t.Parallel()
	live := t.Context()
	stopped, stop := context.WithCancelCause(live)
	stop(ErrWorkerStopping)
	broken := errors.New("broken pipe")
	for name, tc := range map[string]struct {
		ctx       context.Context
		err, want error
	}{
		"no error":               {stopped, nil, nil},
		"cancelled":              {stopped, fmt.Errorf("insert: %w", context.Canceled), ErrWorkerStopping},
		"cancelled elsewhere":    {live, context.Canceled, context.Canceled},
		"torn by the cancelling": {stopped, broken, ErrWorkerStopping},
		"transient":              {live, broken, broken},
		"permanent":              {stopped, importers.Permanent(importers.ClassInput, broken), broken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.ErrorIs(t, Cause(tc.ctx, tc.err), tc.want)
		})
	}
}

// A source that wants to be asked later is no fault: the workflow learns until when, at most MaxWait ahead.
func TestFailureWaits(t *testing.T) {
	t.Parallel()
	soon := time.Now().Add(time.Hour).In(time.FixedZone("", 3600))
	for name, test := range map[string]struct{ until, want time.Time }{
		"soon": {soon, soon}, "too far": {time.Now().AddDate(1, 0, 0), time.Now().Add(importers.MaxWait)},
	} {
		err := Failure(fmt.Errorf("load: %w", importers.WaitUntil(test.until, errors.New("the quota is used up"))), detail{Chunks: 7})
		var app *temporal.ApplicationError
		require.ErrorAs(t, err, &app)
		require.Equal(t, TypeWait, app.Type(), name)
		require.True(t, app.NonRetryable(), name)
		var wait Wait
		require.NoError(t, app.Details(&wait))
		require.Equal(t, "load: the quota is used up", wait.Reason)
		require.WithinDuration(t, test.want, wait.Until, time.Minute, name)
		require.Equal(t, time.UTC, wait.Until.Location())
	}
}
