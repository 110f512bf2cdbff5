package cli

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Lists have the filters of the API, and say what a state may be.
func TestListFilters(t *testing.T) {
	t.Parallel()
	s := ingestSite(t)
	for command, states := range map[string]string{
		"sync": "current, running, waiting, late, stopped, paused", "destination": "healthy, paused, unhealthy",
		"flow": "active, no_worker, failing, faulty, disabled", "account": "enabled, disabled",
		"connection": "healthy, failing, open, half-open, paused",
	} {
		s.fails(t, "--state none: want one of "+states, command, "list", "--state", "none")
		require.Equal(t, "No "+command+"s match --text.\n", s.ok(t, command, "list", "--text", "nowhere"), command)
	}
	require.Equal(t, "No sites match --text.\n", s.ok(t, "site", "list", "--text", "nowhere"))
	require.Contains(t, s.ok(t, "site", "list", "--text", "EXAMPLE"), "example.com")
}
