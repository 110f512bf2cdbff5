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
	// hint is what its error says in addition.
	hint string
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
			all = append(all, bounded{line: line, usage: c.ArgsUsage, most: most, hint: hintOf(line)})
		}
	}
	return all, unbounded
}

// hintOf returns what the error of a command that sets an importer's arguments says in addition.
func hintOf(line string) string {
	if !strings.HasPrefix(line, "import start ") {
		return ""
	}
	return `: arguments of the importer are set by --args '{"NAME": VALUE}'`
}

// Each command refuses an argument that its usage does not name, before it reaches anything: a flag without its dashes
// must not be ignored.
func TestSurplusArguments(t *testing.T) {
	t.Parallel()
	all, unbounded := boundedCommands("", newApp(t, Streams{}).Commands)
	require.Greater(t, len(all), 100)
	require.ElementsMatch(t, []string{
		"import start", "import start csv", "schedule create",
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
			want := "sluice: unexpected argument \"limit\"" + after + c.hint + ": see `sluice " + c.line + " --help`\n"
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

// An importer without the argument paths takes no PATHs, on a schedule either: its help shows none, and the error names
// --args.
func TestArgumentsOfImporters(t *testing.T) {
	t.Parallel()
	const hint = `: arguments of the importer are set by --args '{"NAME": VALUE}': see `
	for line, want := range map[string]string{
		"import start noop rows=5":                      `unexpected argument "rows=5"` + hint + "`sluice import start noop --help`",
		"import start --site a.com noop rows=5":         `unexpected argument "rows=5"` + hint + "`sluice import start noop --help`",
		"import start google_analytics_4 /a":            `unexpected argument "/a"` + hint + "`sluice import start google_analytics_4 --help`",
		"schedule create --site a.com a noop /x rows=5": `unexpected argument "/x" after noop` + hint + "`sluice schedule create --help`",
	} {
		offline().fails(t, want, strings.Fields(line)...)
	}
	require.NotContains(t, offline().ok(t, "import", "start", "noop", "--help"), "PATH")
	require.Contains(t, offline().ok(t, "import", "start", "csv", "--help"), "[PATH...]")
}
