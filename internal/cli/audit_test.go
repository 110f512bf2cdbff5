package cli

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/polltest"
	accessclient "github.com/sluicehq/sluice/starter/access"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/command"
)

// A command of the command line is recorded once, with its user; a signal that is sent to the workflow is recorded by a worker.
func TestCommandsAreAudited(t *testing.T) {
	t.Parallel()
	system, s := start(t)
	s.ok(t, "site", "add", "example.com")
	s.environ = append(s.environ, oneRowChunks)
	s.ok(t, "import", "start", "noop", "--site", "example.com", "--args", slow)
	system.WaitLoading(t, 1)
	s.ok(t, "import", "pause", "1", "--by", "eve", "--reason", "later")
	ctx := enginetest.Context(t)
	require.NoError(t, system.Temporal.SignalWorkflow(ctx, workflows.ImportID("example.com", 1), "", workflows.CommandResume,
		command.Resume{Command: command.Command{By: "crm"}}))
	audit := func() (all []accessclient.AuditEntry) {
		s.json(t, &all, "audit", "list", "--subject-type", "import", "--subject", "1")
		return all
	}
	polltest.Until(t, func(c *polltest.Check) { require.Len(c, audit(), 3) }, 20*time.Second, 50*time.Millisecond)
	s.fails(t, "resume of import 1: import 1 is not paused", "import", "resume", "1")
	s.ok(t, "import", "cancel", "1")
	require.Equal(t, importstore.StatusCancelled, system.Wait(t, 1).Import.Status)
	type entry struct{ operation, who, door, site, failed string }
	got := []entry{}
	for _, e := range audit() {
		got = append(got, entry{e.Operation, e.Who, e.Door, e.Site, e.Error})
	}
	refused := audit()[1].Error
	require.Contains(t, refused, "import 1 is not paused")
	require.Equal(t, []entry{
		{"import.cancel", "ann", "cli", "example.com", ""},
		{"import.resume", "ann", "cli", "example.com", refused},
		{"import.resume", "crm", "temporal", "example.com", ""},
		{"import.pause", "ann", "cli", "example.com", ""},
		{"import.start", "ann", "cli", "example.com", ""},
	}, got)
	require.Contains(t, string(audit()[3].After), `"by": "eve"`)
	require.Contains(t, string(audit()[4].After), `"source": "noop"`)
}
