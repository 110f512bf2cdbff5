package command

import (
	"encoding/json"
	"fmt"

	"github.com/urfave/cli/v2"
)

func outputFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "output", Aliases: []string{"o"}, Usage: "write a `FORMAT`: table or json", Value: "table",
		Action: func(_ *cli.Context, value string) error {
			if value != "table" && value != "json" {
				return fmt.Errorf("--output %s: want table or json", value)
			}
			return nil
		},
	}
}

func asJSON(c *cli.Context) bool { return c.String("output") == "json" }

// writeJSON writes a value for programs: indented, because people look at it too.
func writeJSON(c *cli.Context, v any) error {
	encoder := json.NewEncoder(c.App.Writer)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// oneArg returns the command's single argument.
func oneArg(c *cli.Context, name string) (string, error) {
	if c.NArg() != 1 {
		return "", fmt.Errorf("want one argument, %s, got %d: see `%s --help`", name, c.NArg(), c.Command.HelpName)
	}
	return c.Args().First(), nil
}

func noArgs(c *cli.Context) error {
	if c.NArg() != 0 {
		return fmt.Errorf("unexpected argument %q: see `%s --help`", c.Args().First(), c.Command.HelpName)
	}
	return nil
}
