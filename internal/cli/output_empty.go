package cli

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// noFilters are flags of listings that leave nothing out.
var noFilters = []string{"all", "count", "hourly", "limit", "o", "output"}

// nothing says that a listing has nothing to show: because of its filters if some are
// given, and otherwise what the text says.
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
