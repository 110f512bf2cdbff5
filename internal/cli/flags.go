package cli

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// flagsFirst moves flags before the arguments of their command, so that they may stand anywhere:
// the library stops parsing flags at the first argument and wants global flags before the
// command. Arguments after "--" keep their place.
func flagsFirst(app *cli.App, args []string) []string {
	if n := len(args); n > 0 && slices.Contains(cli.BashCompletionFlag.Names(), strings.TrimLeft(args[n-1], "-")) {
		// Completion depends on the order of the arguments.
		return args
	}
	flags, commands := app.Flags, app.Commands
	var global, path, front, back []string
	// ahead are flags before a subcommand that may be the subcommand's own.
	var ahead [][]string
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
			first := i
			if takesValue(f, arg) && i+1 < len(args) {
				i++
			}
			*list = append(*list, args[first:i+1]...)
			if list == &front {
				ahead = append(ahead, args[first:i+1])
			}
			continue
		}
		if command := findCommand(commands, arg); command != nil && len(back) == 0 {
			var own [][]string
			front = nil
			for _, words := range ahead {
				if findFlag(command.Flags, words[0]) == nil {
					path = append(path, words...)
					continue
				}
				own, front = append(own, words), append(front, words...)
			}
			path = append(path, arg)
			ahead, flags, commands = own, command.Flags, command.Subcommands
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

// findFlag returns the flag of an argument, or nil.
func findFlag(flags []cli.Flag, arg string) cli.Flag {
	name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

// takesValue reports whether the flag's value is the next argument.
func takesValue(f cli.Flag, arg string) bool {
	doc, ok := f.(cli.DocGenerationFlag)
	return ok && doc.TakesValue() && !strings.Contains(arg, "=")
}
