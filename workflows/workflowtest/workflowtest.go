// Package workflowtest has what the tests of all workflows share.
package workflowtest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/workflows"
)

// Payload returns an argument as another program may send it.
func Payload(encoding, data string) converter.RawValue {
	return converter.NewRawValue(&commonpb.Payload{
		Metadata: map[string][]byte{converter.MetadataEncoding: []byte(encoding)}, Data: []byte(data),
	})
}

// Plain returns a JSON argument.
func Plain(data string) converter.RawValue { return Payload(converter.MetadataEncodingJSON, data) }

// RequireRefusal checks that an update was refused for a reason, by an error that is not retried.
func RequireRefusal(t *testing.T, err error, why string) {
	t.Helper()
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.True(t, app.NonRetryable())
	require.Contains(t, app.Message(), why)
	require.Less(t, len(app.Message()), 1000)
}

// Answer is what came of an update.
type Answer struct {
	Accepted           bool
	Rejected, Finished error
}

// Accept notes that the update was accepted.
func (a *Answer) Accept() { a.Accepted = true }

// Reject notes why the update was refused.
func (a *Answer) Reject(err error) { a.Rejected = err }

// Complete notes how the update ended.
func (a *Answer) Complete(_ any, err error) { a.Finished = err }

// RequireHeartbeats checks that no activity is without a heartbeat timeout: the death of its
// worker would go unnoticed for as long as an attempt may take.
func RequireHeartbeats(t *testing.T, env *testsuite.TestWorkflowEnvironment) {
	t.Helper()
	env.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
		RequireHeartbeat(t, info)
	})
}

// RequireHeartbeat checks the heartbeat timeout of one activity.
func RequireHeartbeat(t *testing.T, info *activity.Info) {
	t.Helper()
	assert.NotZerof(t, info.HeartbeatTimeout, "%s", info.ActivityType.Name)
	assert.LessOrEqual(t, info.HeartbeatTimeout, 30*time.Second)
}

// AcceptRecords registers a stand-in for the activity that records commands in the audit.
func AcceptRecords(e *testsuite.TestWorkflowEnvironment) {
	e.RegisterActivityWithOptions(func(context.Context, activities.CommandRecord) error { return nil },
		activity.RegisterOptions{Name: workflows.ActivityRecordCommand})
}
