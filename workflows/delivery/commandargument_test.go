package delivery_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/workflowtest"
)

// badCommand is a command that is refused, and why.
type badCommand struct {
	name     string
	argument any
	why      string
}

// Commands to an action of a destination are refused like those to an import.
func TestRefusedActionCommands(t *testing.T) {
	t.Parallel()
	const rate = "want 0.001 to 1000000, or 0 for the program's limit"
	for i, c := range []badCommand{
		{workflows.CommandSetJobRate, workflowtest.Plain(`null`), "the argument is not a JSON object"},
		{workflows.CommandSetJobRate, nil, `field "jobs_per_second" is required`},
		{workflows.CommandSetJobRate, workflowtest.Plain(`{"unknown":1}`), `unknown field "unknown": the fields are key, by, reason, run, audited, jobs_per_second`},
		{workflows.CommandSetJobRate, workflowtest.Plain(`{"jobs_per_second":1e-300}`), "jobs_per_second is 1e-300: " + rate},
		{workflows.CommandSetJobRate, workflowtest.Plain(`{"jobs_per_second":1e308}`), "jobs_per_second is 1e+308: " + rate},
		{workflows.CommandSetJobRate, workflowtest.Plain(`{"jobs_per_second":1e309}`), `field "jobs_per_second": the number is too large`},
		{workflows.CommandSetJobRate, workflowtest.Plain(`{"jobs_per_second":-1}`), "jobs_per_second is -1: " + rate},
		{workflows.CommandSetJobRate, workflowtest.Plain(`{"jobs_per_second":"NaN"}`), `field "jobs_per_second": want a number, got a string`},
		{workflows.CommandSetConcurrency, workflowtest.Plain(`{}`), `field "batches" is required`},
		{workflows.CommandSetConcurrency, workflowtest.Plain(`{"batches":101}`), "batches is 101: want 1 to 100"},
		{workflows.CommandSetSchedule, workflowtest.Plain(`{}`), "want at least one of realtime, interval and time_zone"},
		{workflows.CommandSetSchedule, workflowtest.Plain(`{"realtime":null}`), `field "realtime": want true or false, got null`},
		{workflows.CommandSetSchedule, workflowtest.Plain(`{"interval":"` + strings.Repeat("<", 600) + `"}`), "interval has 3600 bytes in JSON: want at most 200"},
		{workflows.CommandSetSchedule, workflowtest.Plain(`{"time_zone":"U\u0000TC"}`), "time_zone has control characters: want none"},
		{workflows.CommandPause, workflowtest.Plain(`{"reason":"` + strings.Repeat("<", 600_000) + `"}`), "argument of 600013 bytes: want at most 16384"},
		{workflows.CommandTrigger, workflowtest.Plain(`7`), "the argument is not a JSON object"},
	} {
		t.Run(fmt.Sprintf("%d %s", i, c.name), func(t *testing.T) {
			t.Parallel()
			e := setupAction(t)
			got := &workflowtest.Answer{}
			e.at(time.Minute, func() { e.UpdateWorkflow(c.name, "", got, c.argument) })
			e.at(2*time.Minute, func() { e.SignalWorkflow(c.name, c.argument) })
			e.at(3*time.Minute, func() { require.Contains(t, e.state().Refusal, c.why) })
			require.Nil(t, e.start(nil, 4*time.Minute))
			require.False(t, got.Accepted)
			workflowtest.RequireRefusal(t, got.Rejected, c.why)
			require.Empty(t, e.changes)
		})
	}
}
