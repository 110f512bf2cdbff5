package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The lists of syncs, their runs and their rejected records, for people and for programs.
func TestRareStatesOfSyncs(t *testing.T) {
	t.Parallel()
	_, s, _ := syncShell(t)
	for _, name := range []string{"first", "second"} {
		s.ok(t, "sync", "create", name, "--from", "mailchimp:mc", "--list", "1a2d7ebf82", "--to", "ometria:om")
		awaitSync(t, s, name, func(now seenSync) bool { return now.State == "current" })
	}
	require.Contains(t, s.ok(t, "sync", "list", "--limit", "1"), "\nThere are more: raise --limit to list them.\n")
	require.Equal(t, "No record of sync first is rejected.\n", s.ok(t, "sync", "rejects", "first"))
	var list []seenSync
	s.json(t, &list, "sync", "list")
	require.Len(t, list, 2)
	var runs, rejects []map[string]any
	s.json(t, &runs, "sync", "history", "first")
	require.Len(t, runs, 1)
	s.json(t, &rejects, "sync", "rejects", "first")
	require.Empty(t, rejects)
	var changed seenSync
	s.json(t, &changed, "sync", "set", "first", "every=3h")
	require.EqualValues(t, 10800, changed.EverySeconds)
	for _, line := range []string{"sync show none", "sync history none", "sync rejects none", "sync pause none", "sync delete none", "sync set none every=3h"} {
		r := s.run(t, strings.Fields(line)...)
		require.Equal(t, exitRefused, r.code, line)
		require.Equal(t, "sluice: no sync none: `sluice sync list` lists all\n", r.err, line)
	}
	require.Equal(t, "sluice: no rejected record of sync first can be retried: not possible in this state\n",
		s.run(t, "sync", "rejects", "first", "--retry").err)
}
