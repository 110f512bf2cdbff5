package command

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// flagsFirst moves flags before the other arguments of the command that they belong
// to, so that people may write them where they like: the library stops looking for
// flags at the first argument. What stands behind "--" is left alone.
func flagsFirst(app *cli.App, args []string) []string {
	flags, commands := app.Flags, app.Commands
	var path, front, back []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			back = append(back, args[i:]...)
			break
		}
		if strings.HasPrefix(arg, "-") && arg != "-" {
			front = append(front, arg)
			if takesValue(flags, arg) && i+1 < len(args) {
				i++
				front = append(front, args[i])
			}
			continue
		}
		if command := find(commands, arg); command != nil && len(back) == 0 {
			path = append(append(path, front...), arg)
			front, flags, commands = nil, command.Flags, command.Subcommands
			continue
		}
		back = append(back, arg)
	}
	return slices.Concat(path, front, back)
}

func find(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

// takesValue says whether the flag is followed by its value.
func takesValue(flags []cli.Flag, arg string) bool {
	name := strings.TrimLeft(arg, "-")
	if strings.Contains(name, "=") {
		return false
	}
	for _, f := range flags {
		if !slices.Contains(f.Names(), name) {
			continue
		}
		doc, ok := f.(cli.DocGenerationFlag)
		return ok && doc.TakesValue()
	}
	return false
}
