package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/terminal"
)

// outputFlag selects a table, JSON or a further format of the command.
func outputFlag(more ...string) cli.Flag {
	formats := append([]string{"table", "json"}, more...)
	list := listOf(formats)
	return &cli.StringFlag{
		Name: "output", Aliases: []string{"o"}, Usage: "output `FORMAT`: " + list, Value: "table",
		Action: func(_ *cli.Context, value string) error {
			if !slices.Contains(formats, value) {
				return exitWith(exitUsage, fmt.Errorf("--output %s: want %s", value, list))
			}
			return nil
		},
	}
}

// listOf lists words: "a, b or c".
func listOf[T ~string](words []T) string {
	texts := make([]string, len(words))
	for i, word := range words {
		texts[i] = string(word)
	}
	last := len(texts) - 1
	return strings.Join(texts[:last], ", ") + " or " + texts[last]
}

func asJSON(c *cli.Context) bool { return c.String("output") == "json" }

// writeJSON writes a value for programs: indented, because people look at it too.
func writeJSON(c *cli.Context, v any) error {
	begin(c) // a failure to write is no fault of the command line
	encoder := json.NewEncoder(c.App.Writer)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// say writes a line for people.
func say(c *cli.Context, format string, args ...any) error {
	begin(c) // a failure to write is no fault of the command line
	_, err := fmt.Fprintf(c.App.Writer, format+"\n", args...)
	return err
}

// answer writes the result of a command: its JSON, or a line for people.
func answer(c *cli.Context, view any, format string, args ...any) error {
	if asJSON(c) {
		return writeJSON(c, view)
	}
	return say(c, format, args...)
}

// sayDone writes the line of a command without a JSON form, or returns its error.
func sayDone(c *cli.Context, err error, format string, args ...any) error {
	if err != nil {
		return err
	}
	return say(c, format, args...)
}

// oneArg returns the command's single argument. polish refuses further ones.
func oneArg(c *cli.Context, name string) (string, error) {
	if c.NArg() != 1 {
		return "", fmt.Errorf("want one argument, %s, got %s: see `%s --help`", name, counted(c.NArg()), c.Command.HelpName)
	}
	return c.Args().First(), nil
}

func counted(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}

// plural writes a count with its noun: "1 warning", "2 warnings".
func plural(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return humanize.Comma(n) + " " + noun
}

// writeLines writes names and values in two columns, without empty values.
func writeLines(c *cli.Context, lines [][2]string) error {
	begin(c) // a failure to write is no fault of the command line
	width := 0
	for _, line := range lines {
		width = max(width, len(line[0]))
	}
	return writeColumns(c.App.Writer, width+1, lines)
}

// writeColumns is writeLines with a first column of a fixed width.
func writeColumns(w io.Writer, width int, lines [][2]string) error {
	for _, line := range lines {
		if line[1] == "" {
			continue
		}
		name := terminal.Paint(w, terminal.Faint, fmt.Sprintf("%-*s", width, line[0]))
		if _, err := fmt.Fprintf(w, "%s %s\n", name, terminal.Block(line[1], width+1)); err != nil {
			return err
		}
	}
	return nil
}
