package workflows_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/internal/inbound"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// payload is an argument as another program may send it.
func payload(encoding, data string) converter.RawValue {
	return converter.NewRawValue(&commonpb.Payload{
		Metadata: map[string][]byte{converter.MetadataEncoding: []byte(encoding)}, Data: []byte(data),
	})
}

func plain(data string) converter.RawValue { return payload(converter.MetadataEncodingJSON, data) }

// badImportCommand is a command to an import that is refused, and why.
type badCommand struct {
	name     string
	argument any
	why      string
}

var badImportCommands = []badCommand{
	{workflows.CommandSkipPart, plain(`{"prat":2,"reason":"x"}`), `unknown field "prat": the fields are key, by, reason, run, part`},
	{workflows.CommandSkipPart, plain(`{"reason":"x"}`), `field "part" is required`},
	{workflows.CommandSkipPart, plain(`{"part":null,"reason":"x"}`), `field "part": want a whole number, got null`},
	{workflows.CommandSkipPart, plain(`{"part":0}`), "skipping a part requires a reason"},
	{workflows.CommandSkipPart, plain(`{"part":0,"reason":"\u0000\n"}`), "skipping a part requires a reason"},
	{workflows.CommandRetryPart, nil, `field "part" is required`},
	{workflows.CommandSetRate, plain(`null`), "the argument is not a JSON object"},
	{workflows.CommandSetRate, nil, `field "rows_per_second" is required`},
	{workflows.CommandSetRate, plain(`{}`), `field "rows_per_second" is required`},
	{workflows.CommandSetRate, plain(`{"unknown":1}`), `unknown field "unknown"`},
	{workflows.CommandSetRate, plain(`{"Rows_Per_Second":1}`), `unknown field "Rows_Per_Second"`},
	{workflows.CommandSetRate, plain(`{"rows_per_second":1,"rows_per_second":2}`), `field "rows_per_second" is given twice`},
	{workflows.CommandSetRate, plain(`{"rows_per_second":1} {}`), "there is text behind the JSON object of the argument"},
	{workflows.CommandSetRate, plain(`{"rows_per_second":1e308}`), `field "rows_per_second": want a whole number`},
	{workflows.CommandSetRate, plain(`{"rows_per_second":10000000000}`), "invalid rows_per_second 10000000000: want 1 to 1000000000, or 0 for no limit"},
	{workflows.CommandSetRate, plain(`{"rows_per_second":NaN}`), "the argument is not valid JSON"},
	{workflows.CommandSetRate, plain(`[1]`), "the argument is not a JSON object"},
	{workflows.CommandSetRate, plain(``), "the argument is not a JSON object"},
	{workflows.CommandSetRate, payload("binary/plain", `{"rows_per_second":1}`), `invalid encoding "binary/plain" of the argument: want json/plain`},
	{workflows.CommandSetRate, payload("", `{"rows_per_second":1}`), `invalid encoding "" of the argument: want json/plain`},
	{workflows.CommandDecide, plain(`{"by":"ann"}`), `field "verdict" is required`},
	{workflows.CommandDecide, plain(`{"by":"ann","verdict":"` + strings.Repeat("<", 2000) + `"}`), `the verdict is "`},
	{workflows.CommandPause, plain(`{"reason":"` + strings.Repeat("<", 2000) + `"}`), "reason has 12000 bytes in JSON: want at most 2000"},
	{workflows.CommandPause, plain(`{"by":"` + strings.Repeat("<", 100) + `"}`), "by has 600 bytes in JSON: want at most 200"},
	{workflows.CommandPause, plain(`{"key":"` + strings.Repeat("k", 201) + `"}`), "key has 201 bytes in JSON: want at most 200"},
	{workflows.CommandPause, plain(`{"reason":"` + strings.Repeat("<", 600_000) + `"}`), "argument of 600013 bytes: want at most 16384"},
	{workflows.CommandPause, plain(`{"` + strings.Repeat("x", 10_000) + `":1}`), `unknown field "xxx`},
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
			var got *answer
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
			require.False(t, got.accepted)
			requireRefusal(t, got.rejected, c.why)
			require.Len(t, r.notes, 1)
			require.Equal(t, store.LevelWarn, r.notes[0].Level)
			require.Contains(t, r.notes[0].Message, "The signal "+c.name+" was refused: "+c.why)
			require.Less(t, inbound.EncodedSize(r.notes[0].Message), 1200)
			require.Empty(t, r.skipped)
		})
	}
}

func requireRefusal(t *testing.T, err error, why string) {
	t.Helper()
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.True(t, app.NonRetryable())
	require.Contains(t, app.Message(), why)
	require.Less(t, len(app.Message()), 1000)
}

// An update has one argument.
func TestSeveralArguments(t *testing.T) {
	t.Parallel()
	r := setup(t)
	got := &answer{}
	hold := make(chan struct{})
	r.load = func(context.Context, int32, int) error { <-hold; return nil }
	r.RegisterDelayedCallback(func() {
		r.UpdateWorkflow(workflows.CommandPause, "", got, plain(`{}`), plain(`{"by":"ann"}`))
		close(hold)
	}, time.Second)
	require.NoError(t, r.start())
	requireRefusal(t, got.rejected, "several arguments: want one JSON object")
}

// The texts of a command lose their control characters, and its key is compared without them.
func TestCleanedCommands(t *testing.T) {
	t.Parallel()
	r := setup(t)
	hold := make(chan struct{})
	r.load = func(context.Context, int32, int) error { <-hold; return nil }
	r.RegisterDelayedCallback(func() {
		r.SignalWorkflow(workflows.CommandSetRate, plain(`{"key":"k","by":"an\u001b[2Jn","reason":"two\nlines","rows_per_second":7}`))
		r.SignalWorkflow(workflows.CommandSetRate, plain(`{"key":"k\u0000","rows_per_second":8}`))
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
			r.SignalWorkflow(workflows.CommandSkipPart, plain(`{"prat":2}`))
		}
		close(hold)
	}, time.Second)
	require.NoError(t, r.start())
	require.Len(t, r.notes, workflows.MaxRefusals)
	require.Contains(t, r.notes[workflows.MaxRefusals-1].Message, "Further refusals are not logged.")
}

// Commands to an action of a destination are refused like those to an import.
func TestRefusedActionCommands(t *testing.T) {
	t.Parallel()
	const rate = "want 0.001 to 1000000, or 0 for the program's limit"
	for i, c := range []badCommand{
		{workflows.CommandSetJobRate, plain(`null`), "the argument is not a JSON object"},
		{workflows.CommandSetJobRate, nil, `field "jobs_per_second" is required`},
		{workflows.CommandSetJobRate, plain(`{"unknown":1}`), `unknown field "unknown": the fields are key, by, reason, run, jobs_per_second`},
		{workflows.CommandSetJobRate, plain(`{"jobs_per_second":1e-300}`), "jobs_per_second is 1e-300: " + rate},
		{workflows.CommandSetJobRate, plain(`{"jobs_per_second":1e308}`), "jobs_per_second is 1e+308: " + rate},
		{workflows.CommandSetJobRate, plain(`{"jobs_per_second":1e309}`), `field "jobs_per_second": the number is too large`},
		{workflows.CommandSetJobRate, plain(`{"jobs_per_second":-1}`), "jobs_per_second is -1: " + rate},
		{workflows.CommandSetJobRate, plain(`{"jobs_per_second":"NaN"}`), `field "jobs_per_second": want a number, got a string`},
		{workflows.CommandSetConcurrency, plain(`{}`), `field "batches" is required`},
		{workflows.CommandSetConcurrency, plain(`{"batches":101}`), "batches is 101: want 1 to 100"},
		{workflows.CommandSetSchedule, plain(`{}`), "want at least one of realtime, interval and time_zone"},
		{workflows.CommandSetSchedule, plain(`{"realtime":null}`), `field "realtime": want true or false, got null`},
		{workflows.CommandSetSchedule, plain(`{"interval":"` + strings.Repeat("<", 600) + `"}`), "interval has 3600 bytes in JSON: want at most 200"},
		{workflows.CommandSetSchedule, plain(`{"time_zone":"U\u0000TC"}`), "time_zone has control characters: want none"},
		{workflows.CommandPause, plain(`{"reason":"` + strings.Repeat("<", 600_000) + `"}`), "argument of 600013 bytes: want at most 16384"},
		{workflows.CommandTrigger, plain(`7`), "the argument is not a JSON object"},
	} {
		t.Run(fmt.Sprintf("%d %s", i, c.name), func(t *testing.T) {
			t.Parallel()
			e := setupAction(t)
			got := &answer{}
			e.at(time.Minute, func() { e.UpdateWorkflow(c.name, "", got, c.argument) })
			e.at(2*time.Minute, func() { e.SignalWorkflow(c.name, c.argument) })
			e.at(3*time.Minute, func() { require.Contains(t, e.state().Refusal, c.why) })
			require.Nil(t, e.start(nil, 4*time.Minute))
			require.False(t, got.accepted)
			requireRefusal(t, got.rejected, c.why)
			require.Empty(t, e.changes)
		})
	}
}
