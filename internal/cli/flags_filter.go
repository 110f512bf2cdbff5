package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// textFlag is the filter of a list by a text.
func textFlag(things, in string) cli.Flag {
	return &cli.StringFlag{Name: "text", Usage: "list only " + things + " with this `TEXT` in their " + in}
}

// stateFlag is the filter of a list by a state.
func stateFlag(things string, states []string) cli.Flag {
	return choiceFlag("state", "list only "+things+" in this", states)
}

// chosenState reads stateFlag, "" for any state.
func chosenState(c *cli.Context, states []string) (string, error) { return chosen(c, "state", states) }

// choiceFlag is the filter of a list by one of some values. The usage ends before the value.
func choiceFlag(name, usage string, choices []string) cli.Flag {
	return &cli.StringFlag{
		Name: name, Usage: usage + " `" + strings.ToUpper(name) + "`: " + strings.Join(choices, ", "),
	}
}

// chosen reads choiceFlag, "" for any value.
func chosen(c *cli.Context, name string, choices []string) (string, error) {
	value := c.String(name)
	if c.IsSet(name) && !slices.Contains(choices, value) {
		return "", fmt.Errorf("--%s %s: want one of %s", name, value, strings.Join(choices, ", "))
	}
	return value, nil
}
