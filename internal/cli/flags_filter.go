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
	return &cli.StringFlag{
		Name: "state", Usage: "list only " + things + " in this `STATE`: " + strings.Join(states, ", "),
	}
}

// chosenState reads stateFlag, "" for any state.
func chosenState(c *cli.Context, states []string) (string, error) {
	state := c.String("state")
	if c.IsSet("state") && !slices.Contains(states, state) {
		return "", fmt.Errorf("--state %s: want one of %s", state, strings.Join(states, ", "))
	}
	return state, nil
}
