package cli

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// flagsFirst moves flags before the other arguments of the command that they belong
// to, so that people may write them where they like: the library stops looking for
// flags at the first argument, and wants its global flags before the command. What
// stands behind "--" is left alone.
func flagsFirst(app *cli.App, args []string) []string {
	if n := len(args); n > 0 && slices.Contains(cli.BashCompletionFlag.Names(), strings.TrimLeft(args[n-1], "-")) {
		// Completion looks at the last argument and at the order of the others.
		return args
	}
	flags, commands := app.Flags, app.Commands
	var global, path, front, back []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			back = append(back, args[i:]...)
			break
		}
		if strings.HasPrefix(arg, "-") && arg != "-" {
			list, f := &front, findFlag(flags, arg)
			if f == nil {
				if f = findFlag(app.Flags, arg); f != nil {
					list = &global
				}
			}
			*list = append(*list, arg)
			if takesValue(f, arg) && i+1 < len(args) {
				i++
				*list = append(*list, args[i])
			}
			continue
		}
		if command := findCommand(commands, arg); command != nil && len(back) == 0 {
			path = append(append(path, front...), arg)
			front, flags, commands = nil, command.Flags, command.Subcommands
			continue
		}
		back = append(back, arg)
	}
	return slices.Concat(global, path, front, back)
}

func findCommand(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

// findFlag returns the flag that the argument names, or nil.
func findFlag(flags []cli.Flag, arg string) cli.Flag {
	name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

// takesValue says whether the flag's value is the argument behind it.
func takesValue(f cli.Flag, arg string) bool {
	doc, ok := f.(cli.DocGenerationFlag)
	return ok && doc.TakesValue() && !strings.Contains(arg, "=")
}
