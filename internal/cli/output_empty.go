package cli

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// noFilters are the flags of listings that do not filter.
var noFilters = []string{"all", "by", "count", "hourly", "limit", "o", "output", "skip"}

// nothing writes the line of an empty listing: the filters if any are set, else the text.
func nothing(c *cli.Context, things, text string) error {
	var filters []string
	for _, name := range c.LocalFlagNames() {
		if !slices.Contains(noFilters, name) {
			filters = append(filters, "--"+name)
		}
	}
	if len(filters) == 0 {
		return say(c, "%s", text)
	}
	slices.Sort(filters)
	return say(c, "No %s match %s.", things, strings.Join(slices.Compact(filters), ", "))
}
