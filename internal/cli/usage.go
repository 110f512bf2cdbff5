package cli

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/urfave/cli/v2"
)

// group returns a command that only holds others.
func group(name, usage string, commands ...*cli.Command) *cli.Command {
	return &cli.Command{Name: name, Usage: usage, Subcommands: commands, Action: chooseCommand}
}

// chooseCommand is what happens where no command is named, or one that does not
// exist: without it the library would end in silence, and well.
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

// helpFlag is the flag --help of a command. The library's own is shared by all
// commands of a process, and is changed whenever one runs.
func helpFlag() cli.Flag {
	return &cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Usage: "show help", DisableDefaultText: true}
}

// helpCommand shows the same as --help does. The library's own is not used because
// it leaves out what a group of commands holds.
func helpCommand() *cli.Command {
	return &cli.Command{
		Name: "help", Aliases: []string{"h"}, Usage: "explain sluice, or one of its commands", ArgsUsage: "[COMMAND...]",
		Action: func(c *cli.Context) error {
			args := append([]string{c.App.Name}, c.Args().Slice()...)
			return c.App.RunContext(c.Context, append(args, "--help"))
		},
	}
}

// polish makes all commands report mistakes alike and keeps the noise out of their
// help.
func polish(commands []*cli.Command) {
	for _, c := range commands {
		c.OnUsageError = usageError
		c.Action = beforeBegin(c.Action)
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

// What the flag package says about mistakes.
var (
	undefinedFlag = regexp.MustCompile(`^flag provided but not defined: -(.+)$`)
	missingValue  = regexp.MustCompile(`^flag needs an argument: -(.+)$`)
	wrongValue    = regexp.MustCompile(`^invalid (boolean )?value ("(?:.|\n)*") for (?:flag )?-(\S+): (.*)$`)
)

// usageError rewords what the flag package says, which writes flags with one dash
// and talks of parsing.
func usageError(c *cli.Context, err error, _ bool) error {
	text := err.Error()
	if m := undefinedFlag.FindStringSubmatch(text); m != nil {
		text = "there is no flag " + dashed(m[1])
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

// dashed writes a flag as people type it.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + strings.TrimLeft(name, "-")
}

// requireFlag refuses a missing flag. The library's own check would print the whole
// help.
func requireFlag(c *cli.Context, name, hint string) error {
	if strings.TrimSpace(c.String(name)) == "" {
		return fmt.Errorf("--%s is missing: %s", name, hint)
	}
	return nil
}
