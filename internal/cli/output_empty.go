package cli

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// noFilters are the flags of listings that do not filter.
var noFilters = []string{"all", "count", "hourly", "limit", "o", "output", "skip"}

// withoutTable writes a list that needs no table: with --output json the views of its rows, without rows the line of
// nothing. It has not written where people want a table.
func withoutTable(c *cli.Context, views any, rows int, things, text string) (written bool, err error) {
	switch {
	case asJSON(c):
		return true, writeJSON(c, views)
	case rows == 0:
		return true, nothing(c, things, text)
	default:
		return false, nil
	}
}

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
