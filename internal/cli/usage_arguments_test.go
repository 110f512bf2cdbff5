package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/urfave/cli/v2"
)

// withoutArguments returns the commands that take no argument.
func withoutArguments(prefix string, commands []*cli.Command) []string {
	var all []string
	for _, c := range commands {
		line := strings.TrimSpace(prefix + " " + c.Name)
		switch {
		case len(c.Subcommands) > 0:
			all = append(all, withoutArguments(line, c.Subcommands)...)
		case c.ArgsUsage == "" && c.Name != "help":
			all = append(all, line)
		}
	}
	return all
}

// A command that takes no argument refuses one before it reaches anything: a flag without its dashes must not
// be ignored.
func TestSurplusArguments(t *testing.T) {
	t.Parallel()
	lines := withoutArguments("", newApp(t, Streams{}).Commands)
	require.Greater(t, len(lines), 30)
	for _, line := range lines {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			r := offline().run(t, append(strings.Fields(line), "limit")...)
			require.Equal(t, exitUsage, r.code, r.err)
			want := "sluice: unexpected argument \"limit\": see `sluice " + line + " --help`\n"
			require.True(t, strings.HasPrefix(r.err, want), r.err)
			require.Empty(t, r.out)
		})
	}
}

// Filters of lists name the value that is wrong.
func TestFaultyFilters(t *testing.T) {
	t.Parallel()
	const wantTime = ` "x" is not a time: want 2026-01-31, 2026-01-31T03:00 or 2026-01-31T03:00:00+01:00, ` +
		`or 2h for two hours ago`
	for line, want := range map[string]string{
		"audit list --since x":           "--since" + wantTime,
		"audit list --until x":           "--until" + wantTime,
		"job list --created-before x":    "--created-before" + wantTime,
		"job list --max-attempts -1":     "--max-attempts -1: want 0 to 2147483647",
		"event list --received-before x": "--received-before" + wantTime,
	} {
		offline().fails(t, want, strings.Fields(line)...)
	}
}
