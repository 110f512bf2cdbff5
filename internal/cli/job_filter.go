package cli

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/store"
)

// filterLists are the flags that pick jobs by what they have and, with not- before their
// names, by what they have not.
var filterLists = []struct{ name, usage, not string }{
	{"destination", "only those of the destination `NAME`", "none of the destination `NAME`"},
	{"action", "only those of the action `NAME`", "none of the action `NAME`"},
	{"job-version", "only those of the version `NAME`", "none of the version `NAME`"},
	{"state", "only those that are `STATE`", "none that are `STATE`"},
}

// jobFilterFlags returns the flags that pick jobs. Each list may be repeated, and have
// commas.
func jobFilterFlags() []cli.Flag {
	var flags []cli.Flag
	for _, list := range filterLists {
		flags = append(flags,
			&cli.StringSliceFlag{Name: list.name, Usage: list.usage + ", or one of several with commas"},
			&cli.StringSliceFlag{Name: "not-" + list.name, Usage: list.not})
	}
	return append(flags,
		&cli.StringFlag{Name: "event", Usage: "only those of the event `ID`"},
		&cli.StringFlag{Name: "parent", Usage: "only those that the outcome of the job `ID` has made"},
		&cli.StringFlag{Name: "created-after", Usage: "only those made at `TIME` or later; 2h is two hours ago"},
		&cli.StringFlag{Name: "created-before", Usage: "only those made before `TIME`"},
		&cli.IntFlag{Name: "min-attempts", Usage: "only those that were tried `N` times or more", DefaultText: "any"},
		&cli.IntFlag{Name: "max-attempts", Usage: "only those that were tried at most `N` times", DefaultText: "any"},
	)
}

// jobFilter reads jobFilterFlags. set says whether any of them was given.
func jobFilter(c *cli.Context) (f store.JobFilter, set bool, err error) {
	lists := []*[]string{
		&f.Destinations, &f.NotDestinations, &f.Actions, &f.NotActions, &f.Versions, &f.NotVersions, &f.States, &f.NotStates,
	}
	for i, list := range filterLists {
		*lists[2*i], *lists[2*i+1] = listFlag(c, list.name), listFlag(c, "not-"+list.name)
	}
	for flag, states := range map[string][]string{"state": f.States, "not-state": f.NotStates} {
		for _, state := range states {
			if !slices.Contains(store.JobStates(), state) {
				return f, false, fmt.Errorf("--%s %s: want one of %s", flag, state, strings.Join(store.JobStates(), ", "))
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

// listFlag returns the values of a flag that may be repeated and have commas.
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

// timeFlag reads a time, or a duration for how long ago it was; zero if it was not given.
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

// attemptsFlag reads a number of attempts, nil if it was not given.
func attemptsFlag(c *cli.Context, name string) (*int32, error) {
	if !c.IsSet(name) {
		return nil, nil //nolint:nilnil // no bound is no error
	}
	n := c.Int(name)
	if n < 0 || n > math.MaxInt32 {
		return nil, fmt.Errorf("--%s %d: want 0 to %d", name, n, math.MaxInt32)
	}
	attempts := int32(n)
	return &attempts, nil
}

// pageFlags are the flags by which a long listing is read page by page.
func pageFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "limit", Value: 50, Usage: "at most `N`, 1 to 1000"},
		&cli.StringFlag{
			Name: "before", Usage: "go on behind `ID`, the last one of the page before", DefaultText: "start with the newest",
		},
	}
}

// pageOf reads pageFlags.
func pageOf(c *cli.Context) (store.Page, error) {
	limit, err := limitFlag(c, store.MaxPage)
	return store.Page{Before: c.String("before"), Limit: int32(limit)}, err
}

// goOn says how to see the next page, if there may be one.
func goOn(c *cli.Context, listed int, last string) error {
	if listed < c.Int("limit") {
		return nil
	}
	return say(c, "\nThere may be more: --before %s shows them.", last)
}
