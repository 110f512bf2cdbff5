package starter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
)

// A cancelled activity is no error in a worker's log; whatever else fails is.
func TestCancellationIsNoError(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		message string
		err     error
		want    string
	}{
		"context":        {"Activity error.", context.Canceled, "INFO"},
		"wrapped":        {"Activity error.", fmt.Errorf("read: %w", context.Canceled), "INFO"},
		"of the SDK":     {"Activity error.", temporal.NewCanceledError("why"), "INFO"},
		"heartbeat":      {"RecordActivityHeartbeat with error", temporal.NewCanceledError(), "INFO"},
		"another error":  {"Activity error.", errors.New("boom"), "ERROR"},
		"deadline":       {"Activity error.", context.DeadlineExceeded, "ERROR"},
		"another record": {"Workflow panic", context.Canceled, "ERROR"},
		"no error":       {"Activity error.", nil, "ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			logger := log.NewStructuredLogger(slog.New(cancelHandler{slog.NewTextHandler(&out, nil)}))
			log.With(logger, "WorkflowID", "import/a/1").Error(tc.message, "Attempt", 1, "Error", tc.err)
			require.Contains(t, out.String(), "level="+tc.want+" ")
			require.Contains(t, out.String(), "WorkflowID=import/a/1")
		})
	}
	var out bytes.Buffer
	quiet := slog.New(cancelHandler{slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn})})
	log.NewStructuredLogger(quiet.WithGroup("x")).Error("Activity error.", "Error", context.Canceled)
	require.Empty(t, out.String(), "not at a level that the log does not have")
}
