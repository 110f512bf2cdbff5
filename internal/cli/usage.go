package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// group returns a command that only has subcommands.
func group(name, usage string, commands ...*cli.Command) *cli.Command {
	return &cli.Command{Name: name, Usage: usage, Subcommands: commands}
}

// chooseCommand handles a missing or unknown command name, for which the library would exit
// silently with 0.
func chooseCommand(c *cli.Context) error {
	if c.Bool("version") {
		return say(c, "%s version %s", c.App.Name, c.App.Version)
	}
	name := c.App.Name
	show := cli.ShowAppHelp
	if c.Command.Name != "" && c.Command.Name != c.App.Name {
		name, show = c.Command.HelpName, cli.ShowSubcommandHelp
	}
	if c.Args().Present() {
		return fmt.Errorf("`%s` has no command %q: see `%s --help`", name, c.Args().First(), name)
	}
	return show(c)
}

// helpFlag is the flag --help of a command. The library's own flag is shared by all commands of a
// process and modified by each run.
func helpFlag() cli.Flag {
	return &cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Usage: "show help", DisableDefaultText: true}
}

// helpCommand prints the same text as --help. The library's own omits subcommands of groups.
func helpCommand() *cli.Command {
	return &cli.Command{
		Name: "help", Aliases: []string{"h"}, Usage: "show help for sluice or one of its commands", ArgsUsage: "[COMMAND...]",
		Action: func(c *cli.Context) error {
			args := append([]string{c.App.Name}, c.Args().Slice()...)
			return c.App.RunContext(c.Context, append(args, "--help"))
		},
	}
}

// polish gives all commands the same usage errors and removes noise from their help. A command without an action of its
// own is a group; any other refuses arguments that its usage does not name, before it does anything.
func polish(commands []*cli.Command) {
	for _, c := range commands {
		c.OnUsageError = usageError
		if c.Action == nil {
			c.Action = beforeBegin(chooseCommand)
		} else {
			c.Action = beforeBegin(withoutSurplus(maxArgs(c.ArgsUsage), c.Action))
		}
		c.HideHelp = true
		c.Flags = append(c.Flags, helpFlag())
		for _, f := range c.Flags {
			if b, ok := f.(*cli.BoolFlag); ok {
				b.DisableDefaultText = true
			}
		}
		polish(c.Subcommands)
	}
}

// manyArgs is the result of maxArgs for a command that takes any number of arguments.
const manyArgs = -1

// maxArgs returns how many arguments a usage names: 2 for "NAME [ACTION]", manyArgs for "SOURCE [PATH...]".
func maxArgs(usage string) int {
	if strings.Contains(usage, "...") {
		return manyArgs
	}
	return len(strings.Fields(usage))
}

// withoutSurplus runs an action unless the command has more than so many arguments.
func withoutSurplus(most int, action cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		if err := refuseSurplus(c, most); err != nil {
			return err
		}
		return action(c)
	}
}

// refuseSurplus returns an error that names the first argument after so many.
func refuseSurplus(c *cli.Context, most int) error {
	if most == manyArgs || c.NArg() <= most {
		return nil
	}
	after := ""
	if most > 0 {
		after = " after " + c.Command.ArgsUsage
	}
	return surplus(c, c.Args().Get(most), after)
}

// surplus is the error of an argument that a command does not take. It names --args if the command has it: the
// arguments of an importer are easily mistaken for those of the command.
func surplus(c *cli.Context, arg, after string) error {
	hint := ""
	if slices.ContainsFunc(c.Command.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), "args") }) {
		hint = `: arguments of the importer are set by --args '{"NAME": VALUE}'`
	}
	return fmt.Errorf("unexpected argument %q%s%s: see `%s --help`", arg, after, hint, c.Command.HelpName)
}

// Usage errors of the flag package.
var (
	undefinedFlag = regexp.MustCompile(`^flag provided but not defined: -(.+)$`)
	missingValue  = regexp.MustCompile(`^flag needs an argument: -(.+)$`)
	wrongValue    = regexp.MustCompile(`^invalid (boolean )?value ("(?:.|\n)*") for (?:flag )?-(\S+): (.*)$`)
)

// usageError rewords the errors of the flag package, which write flags with one dash and mention
// parsing.
func usageError(c *cli.Context, err error, _ bool) error {
	text := err.Error()
	if m := undefinedFlag.FindStringSubmatch(text); m != nil {
		text = "unknown flag " + dashed(m[1])
	} else if m := missingValue.FindStringSubmatch(text); m != nil {
		text = dashed(m[1]) + " needs a value"
	} else if m := wrongValue.FindStringSubmatch(text); m != nil {
		want := "want a number"
		switch {
		case m[1] != "":
			want = "want true or false"
		case strings.Contains(m[4], "range"):
			want = "the number is too large"
		}
		text = fmt.Sprintf("%s %s: %s", dashed(m[3]), m[2], want)
	}
	return exitWith(exitUsage, fmt.Errorf("%s: see `%s --help`", text, c.Command.HelpName))
}

// dashed returns a flag with its dashes.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + strings.TrimLeft(name, "-")
}

// requireFlag rejects a missing flag. want completes the error. The library's own check would print
// the whole help.
func requireFlag(c *cli.Context, name, want string) error {
	if strings.TrimSpace(c.String(name)) == "" {
		return fmt.Errorf("--%s is missing: want %s", name, want)
	}
	return nil
}
