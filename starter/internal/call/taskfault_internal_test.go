package call

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// history is a client whose workflows have a history of these events, and then an error.
type history struct {
	client.Client
	events []*historypb.HistoryEvent
	err    error
}

func (h history) GetWorkflowHistory(
	context.Context, string, string, bool, enums.HistoryEventFilterType,
) client.HistoryEventIterator {
	return &h
}

func (h *history) HasNext() bool { return len(h.events) > 0 || h.err != nil }

func (h *history) Next() (*historypb.HistoryEvent, error) {
	if len(h.events) == 0 {
		return nil, h.err
	}
	event := h.events[0]
	h.events = h.events[1:]
	return event, nil
}

// A failing task is reported with its last failure; the first attempts of a task are no fault.
func TestTaskFault(t *testing.T) {
	t.Parallel()
	failed := func(message string) *historypb.HistoryEvent {
		return &historypb.HistoryEvent{
			EventType: enums.EVENT_TYPE_WORKFLOW_TASK_FAILED,
			Attributes: &historypb.HistoryEvent_WorkflowTaskFailedEventAttributes{
				WorkflowTaskFailedEventAttributes: &historypb.WorkflowTaskFailedEventAttributes{Failure: &failurepb.Failure{Message: message}},
			},
		}
	}
	late := &historypb.HistoryEvent{EventType: enums.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT}
	other := &historypb.HistoryEvent{EventType: enums.EVENT_TYPE_TIMER_STARTED}
	since := time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)
	const stands = "the workflow stands still: a task of it fails since 2026-01-02T03:04:05Z, in attempt 3"
	for name, tc := range map[string]struct {
		attempt int32
		events  []*historypb.HistoryEvent
		want    string
	}{
		"no task":    {0, []*historypb.HistoryEvent{failed("x")}, ""},
		"first ones": {2, []*historypb.HistoryEvent{failed("x")}, ""},
		"no reason":  {3, []*historypb.HistoryEvent{other}, stands},
		"a failure":  {3, []*historypb.HistoryEvent{late, failed("nondeterministic"), other}, stands + ": nondeterministic"},
		"no answer":  {3, []*historypb.HistoryEvent{failed("x"), late}, stands + ": a worker took it and did not answer"},
	} {
		run := &workflowservice.DescribeWorkflowExecutionResponse{PendingWorkflowTask: &workflowpb.PendingWorkflowTaskInfo{
			Attempt: tc.attempt, OriginalScheduledTime: timestamppb.New(since),
		}}
		fault, err := TaskFault(t.Context(), history{events: tc.events}, run)
		require.NoError(t, err)
		require.Equal(t, tc.want, fault, name)
		if tc.attempt >= failingFrom {
			away := errors.New("away")
			_, err = TaskFault(t.Context(), history{events: tc.events, err: away}, run)
			require.ErrorIs(t, err, away, name)
		}
	}
}
