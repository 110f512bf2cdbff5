package signals

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
)

// requireQuoted checks that the page shows a text, of whose import it makes the first.
func requireQuoted(t *testing.T, text string) {
	t.Helper()
	text = regexp.MustCompile(`import \d+`).ReplaceAllString(text, "import 1")
	for _, block := range blocks(t, "text") {
		for line := range strings.Lines(block) {
			if strings.TrimSpace(line) == text {
				return
			}
		}
	}
	require.Failf(t, "not on the page", "%s", text)
}

// Refused commands look as the page says.
func TestRefused(t *testing.T) {
	t.Parallel()
	s := setup(t)
	ctx := enginetest.Context(t)
	paused, loading, parked := s.prepare(t, workflows.CommandResume), s.prepare(t, workflows.CommandPause), s.prepare(t, workflows.CommandSkipPart)
	refusedOverHTTP, err := s.run(t, paused, strings.NewReplacer("signal/pause", "update/pause", `"input": {"payloads"`,
		`"waitPolicy": {"lifecycleStage": 3}, "request": {"meta": {}, "input": {"args": {"payloads"`, `}]}}`, `}]}}}}`).Replace(commandLines(t, "curl")[0]))
	require.NoError(t, err)
	require.Contains(t, refusedOverHTTP, `"failure"`)
	require.Contains(t, refusedOverHTTP, "is paused already")
	for _, c := range []struct {
		imp         importstore.Import
		name, input string
	}{
		{paused, "pause", `{}`},
		{loading, "decide", `{"by": "ann", "verdict": "accepted"}`},
		{parked, "retry_part", `{"part": 7}`},
		{parked, "skip_part", `{"part": 0}`},
	} {
		_, err := s.temporal(ctx, []string{
			"workflow", "update", "execute", "--workflow-id", c.imp.WorkflowID, "--name", c.name, "--input", c.input,
		})
		require.Error(t, err)
		requireQuoted(t, err.Error())
	}
	require.NoError(t, s.Temporal.SignalWorkflow(ctx, paused.WorkflowID, "", "pause", map[string]any{}))
	refused := fmt.Sprintf("warn: The signal pause was refused: import %d is paused already.", paused.ID)
	s.requireLogged(t, paused.ID, refused)
	requireQuoted(t, refused)

	require.NoError(t, s.Starter.Cancel(ctx, parked.ID, operator))
	s.Wait(t, parked.ID)
	// The store knows the end a moment before Temporal.
	require.Error(t, s.Temporal.GetWorkflow(ctx, parked.WorkflowID, "").Get(ctx, nil))
	var gone *serviceerror.NotFound
	require.ErrorAs(t, s.Temporal.SignalWorkflow(ctx, parked.WorkflowID, "", "pause", map[string]any{}), &gone)
	require.ErrorAs(t, pause(ctx, s.Temporal, parked.WorkflowID), &gone)
	_, err = s.run(t, parked, commandLines(t, "curl")[0])
	require.ErrorContains(t, err, "error: 404")
	answer, err := s.Temporal.QueryWorkflow(ctx, parked.WorkflowID, "", workflows.QueryState)
	require.NoError(t, err)
	require.True(t, answer.HasValue())
}

// Of commands with the same key one is carried out; a refused one does not use it up.
func TestKeys(t *testing.T) {
	t.Parallel()
	s := setup(t)
	ctx := enginetest.Context(t)
	imp := s.prepare(t, workflows.CommandPause)
	give := func(name, key string) error {
		return executeUpdate(ctx, s.Temporal, client.UpdateWorkflowOptions{
			WorkflowID: imp.WorkflowID, UpdateName: name, WaitForStage: client.WorkflowUpdateStageCompleted,
			Args: []any{map[string]any{"by": "ann", "key": key}},
		})
	}
	require.ErrorContains(t, give("resume", "a"), "is not paused")
	require.NoError(t, give("pause", "a"), "a refused command has not used the key up")
	require.NoError(t, give("resume", "b"))
	require.NoError(t, give("pause", "a"), "a repetition is no error")
	require.NoError(t, s.Temporal.SignalWorkflow(ctx, imp.WorkflowID, "", "pause", map[string]any{"by": "ann", "key": "a"}))
	require.NoError(t, s.Temporal.SignalWorkflow(ctx, imp.WorkflowID, "", "set_rate", map[string]any{"by": "bob", "rows_per_second": 1}))
	s.requireDone(t, imp.ID, workflows.CommandSetRate, command{By: "bob", RowsPerSecond: 1})
	now, err := s.Store.Imports.Import(ctx, imp.ID)
	require.NoError(t, err)
	require.False(t, now.Paused, "and does nothing")
	require.ErrorContains(t, give("pause", strings.Repeat("k", 201)), "key has 201 bytes in JSON: want at most 200")
}

// A signal that is sent while no worker runs reaches the import; an update waits.
func TestNoWorker(t *testing.T) {
	t.Parallel()
	s := &system{System: enginetest.NewSystem(t, importers.NewRegistry(enginetest.Impatient(noop.New())))}
	ctx := enginetest.Context(t)
	imp := s.start(t, `{"rows": 100}`, false)
	require.NoError(t, s.Temporal.SignalWorkflow(ctx, imp.WorkflowID, "", "pause", map[string]any{"by": "ann"}))
	waiting, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	require.Error(t, executeUpdate(waiting, s.Temporal, client.UpdateWorkflowOptions{
		WorkflowID: imp.WorkflowID, UpdateName: "set_rate", WaitForStage: client.WorkflowUpdateStageCompleted,
		Args: []any{map[string]any{"by": "ann", "rows_per_second": 100_000}},
	}))
	s.StartWorker(t)
	s.requireDone(t, imp.ID, workflows.CommandPause, command{By: "ann"})
	now, err := s.Store.Imports.Summary(ctx, imp.ID)
	require.NoError(t, err)
	require.Zero(t, now.PartsTotal, "before anything else")
	require.NoError(t, resume(ctx, s.Temporal, imp.WorkflowID))
	require.Equal(t, importstore.StatusCompleted, s.Wait(t, imp.ID).Import.Status)
}
