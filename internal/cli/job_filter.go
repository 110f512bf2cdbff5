package cli

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// repeated ends the usage of flags that take several values.
const repeated = "; comma-separated or repeated"

// filterLists are the flags that filter jobs and, with the prefix not-, exclude jobs.
var filterLists = []struct{ name, what string }{
	{"destination", "destination `NAME`"},
	{"action", "action `NAME`"},
	{"job-version", "job version `NAME`"},
	{"state", "`STATE`"},
}

// jobFilterFlags returns the flags that filter jobs.
func jobFilterFlags() []cli.Flag {
	var flags []cli.Flag
	for _, list := range filterLists {
		flags = append(flags,
			&cli.StringSliceFlag{Name: list.name, Usage: "filter by " + list.what + repeated},
			&cli.StringSliceFlag{Name: "not-" + list.name, Usage: "exclude " + list.what + repeated})
	}
	return append(flags,
		&cli.StringFlag{Name: "event", Usage: "filter by event `ID`"},
		&cli.StringFlag{Name: "parent", Usage: "filter by parent job `ID`"},
		&cli.StringFlag{Name: "created-after", Usage: "filter by jobs created at or after `TIME`; 2h means two hours ago"},
		&cli.StringFlag{Name: "created-before", Usage: "filter by jobs created before `TIME`"},
		&cli.IntFlag{Name: "min-attempts", Usage: "filter by jobs with at least `N` attempts", DefaultText: "any"},
		&cli.IntFlag{Name: "max-attempts", Usage: "filter by jobs with at most `N` attempts", DefaultText: "any"},
	)
}

// jobFilter reads jobFilterFlags. set reports whether any of them is set.
func jobFilter(c *cli.Context) (f deliverystore.JobFilter, set bool, err error) {
	lists := []*[]string{
		&f.Destinations, &f.NotDestinations, &f.Actions, &f.NotActions, &f.Versions, &f.NotVersions, &f.States, &f.NotStates,
	}
	for i, list := range filterLists {
		*lists[2*i], *lists[2*i+1] = listFlag(c, list.name), listFlag(c, "not-"+list.name)
	}
	for flag, states := range map[string][]string{"state": f.States, "not-state": f.NotStates} {
		for _, state := range states {
			if !slices.Contains(deliverystore.JobStates(), state) {
				return f, false, fmt.Errorf("--%s %s: want one of %s", flag, state, strings.Join(deliverystore.JobStates(), ", "))
			}
		}
	}
	f.EventID, f.ParentID = c.String("event"), c.String("parent")
	if f.CreatedAfter, err = timeFlag(c, "created-after"); err != nil {
		return f, false, err
	}
	if f.CreatedBefore, err = timeFlag(c, "created-before"); err != nil {
		return f, false, err
	}
	if f.MinAttempts, err = attemptsFlag(c, "min-attempts"); err != nil {
		return f, false, err
	}
	if f.MaxAttempts, err = attemptsFlag(c, "max-attempts"); err != nil {
		return f, false, err
	}
	set = f.EventID != "" || f.ParentID != "" || !f.CreatedAfter.IsZero() || !f.CreatedBefore.IsZero() ||
		f.MinAttempts != nil || f.MaxAttempts != nil ||
		slices.ContainsFunc(lists, func(list *[]string) bool { return len(*list) > 0 })
	return f, set, nil
}

// listFlag returns the values of a flag that is repeated or comma-separated.
func listFlag(c *cli.Context, name string) []string {
	var all []string
	for _, text := range c.StringSlice(name) {
		for value := range strings.SplitSeq(text, ",") {
			if value = strings.TrimSpace(value); value != "" {
				all = append(all, value)
			}
		}
	}
	return all
}

// timeFlag returns a time, or a duration before now; zero if the flag is not set.
func timeFlag(c *cli.Context, name string) (time.Time, error) {
	text := c.String(name)
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return time.Now().Add(-ago), nil
	}
	at, err := parseMoment(name, text, time.Local)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w, or 2h for two hours ago", err)
	}
	return at, nil
}

// attemptsFlag returns a number of attempts, nil if the flag is not set.
func attemptsFlag(c *cli.Context, name string) (*int32, error) {
	if !c.IsSet(name) {
		return nil, nil //nolint:nilnil // no bound is no error
	}
	n := c.Int(name)
	if n < 0 || n > math.MaxInt32 {
		return nil, fmt.Errorf("--%s %d: want 0 to %d", name, n, math.MaxInt32)
	}
	return new(int32(n)), nil
}

// pageFlags are the flags of a paged listing.
func pageFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "limit", Value: 50, Usage: "list at most `N` entries, 1 to 1000"},
		&cli.StringFlag{
			Name: "before", Usage: "list entries older than `ID`", DefaultText: "start with the newest",
		},
	}
}

// pageOf reads pageFlags.
func pageOf(c *cli.Context) (deliverystore.Page, error) {
	limit, err := limitFlag(c, deliverystore.MaxPage)
	return deliverystore.Page{Before: c.String("before"), Limit: int32(limit)}, err
}

// nextPage names the flag of the next page, if there may be one.
func nextPage(c *cli.Context, listed int, last string) error {
	if listed < c.Int("limit") {
		return nil
	}
	return say(c, "\nThere may be more: continue with --before %s.", last)
}
