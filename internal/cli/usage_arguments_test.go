package cli

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/urfave/cli/v2"
)

// bounded is a command that takes so many arguments at most.
type bounded struct {
	line, usage string
	most        int
}

// boundedCommands returns the commands below some, groups and those that take any number of arguments excepted.
// unbounded are the latter.
func boundedCommands(prefix string, commands []*cli.Command) (all []bounded, unbounded []string) {
	for _, c := range commands {
		line := strings.TrimSpace(prefix + " " + c.Name)
		below, open := boundedCommands(line, c.Subcommands)
		all, unbounded = append(all, below...), append(unbounded, open...)
		switch most := maxArgs(c.ArgsUsage); {
		case most == manyArgs:
			unbounded = append(unbounded, line)
		case len(c.Subcommands) == 0 || line == "worker" || line == "server":
			all = append(all, bounded{line, c.ArgsUsage, most})
		}
	}
	return all, unbounded
}

// Each command refuses an argument that its usage does not name, before it reaches anything: a flag without its dashes
// must not be ignored.
func TestSurplusArguments(t *testing.T) {
	t.Parallel()
	all, unbounded := boundedCommands("", newApp(t, Streams{}).Commands)
	require.Greater(t, len(all), 100)
	require.ElementsMatch(t, []string{
		"import start", "import start csv", "import start google_analytics_4", "import start noop", "schedule create",
		"job cancel", "job hold", "job release", "job replay", "job resolve", "job retry", "sync set", "help",
	}, unbounded)
	for _, c := range all {
		t.Run(c.line, func(t *testing.T) {
			t.Parallel()
			args := strings.Fields(c.line)
			for i := range c.most {
				args = append(args, strconv.Itoa(i+1))
			}
			r := offline().run(t, append(args, "limit")...)
			require.Equal(t, exitUsage, r.code, r.err)
			after := ""
			if c.most > 0 {
				after = " after " + c.usage
			}
			want := "sluice: unexpected argument \"limit\"" + after + ": see `sluice " + c.line + " --help`\n"
			require.Equal(t, want, r.err)
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
