package importing_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/inbound"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/command"
	"github.com/sluicehq/sluice/workflows/workflowtest"
)

// badCommand is a command that is refused, and why.
type badCommand struct {
	name     string
	argument any
	why      string
}

var badImportCommands = []badCommand{
	{workflows.CommandSkipPart, workflowtest.Plain(`{"prat":2,"reason":"x"}`), `unknown field "prat": the fields are key, by, reason, run, audited, part`},
	{workflows.CommandSkipPart, workflowtest.Plain(`{"reason":"x"}`), `field "part" is required`},
	{workflows.CommandSkipPart, workflowtest.Plain(`{"part":null,"reason":"x"}`), `field "part": want a whole number, got null`},
	{workflows.CommandSkipPart, workflowtest.Plain(`{"part":0}`), "skipping a part requires a reason"},
	{workflows.CommandSkipPart, workflowtest.Plain(`{"part":0,"reason":"\u0000\n"}`), "skipping a part requires a reason"},
	{workflows.CommandRetryPart, nil, `field "part" is required`},
	{workflows.CommandSetRate, workflowtest.Plain(`null`), "the argument is not a JSON object"},
	{workflows.CommandSetRate, nil, `field "rows_per_second" is required`},
	{workflows.CommandSetRate, workflowtest.Plain(`{}`), `field "rows_per_second" is required`},
	{workflows.CommandSetRate, workflowtest.Plain(`{"unknown":1}`), `unknown field "unknown"`},
	{workflows.CommandSetRate, workflowtest.Plain(`{"Rows_Per_Second":1}`), `unknown field "Rows_Per_Second"`},
	{workflows.CommandSetRate, workflowtest.Plain(`{"rows_per_second":1,"rows_per_second":2}`), `field "rows_per_second" is given twice`},
	{workflows.CommandSetRate, workflowtest.Plain(`{"rows_per_second":1} {}`), "unexpected text after the JSON object of the argument"},
	{workflows.CommandSetRate, workflowtest.Plain(`{"rows_per_second":1e308}`), `field "rows_per_second": want a whole number`},
	{workflows.CommandSetRate, workflowtest.Plain(`{"rows_per_second":10000000000}`), "invalid rows_per_second 10000000000: want 1 to 1000000000, or 0 for no limit"},
	{workflows.CommandSetRate, workflowtest.Plain(`{"rows_per_second":NaN}`), "the argument is not valid JSON"},
	{workflows.CommandSetRate, workflowtest.Plain(`[1]`), "the argument is not a JSON object"},
	{workflows.CommandSetRate, workflowtest.Plain(``), "the argument is not a JSON object"},
	{workflows.CommandSetRate, workflowtest.Payload("binary/plain", `{"rows_per_second":1}`), `invalid encoding "binary/plain" of the argument: want json/plain`},
	{workflows.CommandSetRate, workflowtest.Payload("", `{"rows_per_second":1}`), `invalid encoding "" of the argument: want json/plain`},
	{workflows.CommandDecide, workflowtest.Plain(`{"by":"ann"}`), `field "verdict" is required`},
	{workflows.CommandDecide, workflowtest.Plain(`{"by":"ann","verdict":"` + strings.Repeat("<", 2000) + `"}`), `the verdict is "`},
	{workflows.CommandPause, workflowtest.Plain(`{"reason":"` + strings.Repeat("<", 2000) + `"}`), "reason has 12000 bytes in JSON: want at most 2000"},
	{workflows.CommandPause, workflowtest.Plain(`{"by":"` + strings.Repeat("<", 100) + `"}`), "by has 600 bytes in JSON: want at most 200"},
	{workflows.CommandPause, workflowtest.Plain(`{"key":"` + strings.Repeat("k", 201) + `"}`), "key has 201 bytes in JSON: want at most 200"},
	{workflows.CommandPause, workflowtest.Plain(`{"reason":"` + strings.Repeat("<", 600_000) + `"}`), "argument of 600013 bytes: want at most 16384"},
	{workflows.CommandPause, workflowtest.Plain(`{"` + strings.Repeat("x", 10_000) + `":1}`), `unknown field "xxx`},
}

// A command that is not what it must be is refused, as an update and as a signal, and
// changes nothing: no argument fails the workflow task.
func TestRefusedCommands(t *testing.T) {
	t.Parallel()
	for i, c := range badImportCommands {
		t.Run(fmt.Sprintf("%d %s", i, c.name), func(t *testing.T) {
			t.Parallel()
			r := setup(t)
			hold := make(chan struct{})
			r.load = func(context.Context, int32, int) error { <-hold; return nil }
			var got *workflowtest.Answer
			r.RegisterDelayedCallback(func() {
				got = r.command(c.name, c.argument)
				r.SignalWorkflow(c.name, c.argument)
			}, time.Second)
			r.RegisterDelayedCallback(func() {
				require.False(t, r.state().Paused)
				require.Zero(t, r.state().RowsPerSecond)
				close(hold)
			}, 2*time.Second)
			require.NoError(t, r.start())
			require.False(t, got.Accepted)
			workflowtest.RequireRefusal(t, got.Rejected, c.why)
			require.Len(t, r.notes, 1)
			require.Equal(t, importstore.LevelWarn, r.notes[0].Level)
			require.Contains(t, r.notes[0].Message, "The signal "+c.name+" was refused: "+c.why)
			require.Less(t, inbound.EncodedSize(r.notes[0].Message), 1200)
			require.Empty(t, r.skipped)
		})
	}
}

// An update has one argument.
func TestSeveralArguments(t *testing.T) {
	t.Parallel()
	r := setup(t)
	got := &workflowtest.Answer{}
	hold := make(chan struct{})
	r.load = func(context.Context, int32, int) error { <-hold; return nil }
	r.RegisterDelayedCallback(func() {
		r.UpdateWorkflow(workflows.CommandPause, "", got, workflowtest.Plain(`{}`), workflowtest.Plain(`{"by":"ann"}`))
		close(hold)
	}, time.Second)
	require.NoError(t, r.start())
	workflowtest.RequireRefusal(t, got.Rejected, "several arguments: want one JSON object")
}

// The texts of a command lose their control characters, and its key is compared without them.
func TestCleanedCommands(t *testing.T) {
	t.Parallel()
	r := setup(t)
	hold := make(chan struct{})
	r.load = func(context.Context, int32, int) error { <-hold; return nil }
	r.RegisterDelayedCallback(func() {
		r.SignalWorkflow(workflows.CommandSetRate, workflowtest.Plain(`{"key":"k","by":"an\u001b[2Jn","reason":"two\nlines","rows_per_second":7}`))
		r.SignalWorkflow(workflows.CommandSetRate, workflowtest.Plain(`{"key":"k\u0000","rows_per_second":8}`))
		close(hold)
	}, time.Second)
	require.NoError(t, r.start())
	require.Len(t, r.notes, 1)
	require.Equal(t, "Rate limit set to 7 rows per second by an[2Jn: two lines.", r.notes[0].Message)
}

// Of many signals that are refused the first ones are logged, and the last of those says so.
func TestManyRefusedSignals(t *testing.T) {
	t.Parallel()
	r := setup(t)
	hold := make(chan struct{})
	r.load = func(context.Context, int32, int) error { <-hold; return nil }
	r.RegisterDelayedCallback(func() {
		for range 100 {
			r.SignalWorkflow(workflows.CommandSkipPart, workflowtest.Plain(`{"prat":2}`))
		}
		close(hold)
	}, time.Second)
	require.NoError(t, r.start())
	require.Len(t, r.notes, command.MaxRefusals)
	require.Contains(t, r.notes[command.MaxRefusals-1].Message, "Further refusals are not logged.")
}
