package cli

import (
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/store"
)

// eventFilterFlags returns the flags that pick events, or jobs by their events. only and none
// begin what they say about themselves: "only those", "none".
func eventFilterFlags(only, none string) []cli.Flag {
	const or = ", or one of several with commas"
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "source", Usage: only + " of the source `NAME`" + or},
		&cli.StringSliceFlag{Name: "not-source", Usage: none + " of the source `NAME`"},
		&cli.StringSliceFlag{Name: "name", Usage: only + " called `NAME`" + or},
		&cli.StringSliceFlag{Name: "not-name", Usage: none + " called `NAME`"},
		&cli.StringSliceFlag{Name: "event-version", Usage: only + " of the version `NAME`" + or},
		&cli.StringSliceFlag{Name: "not-event-version", Usage: none + " of the version `NAME`"},
		&cli.StringFlag{Name: "received-after", Usage: only + " received at `TIME` or later; 2h is two hours ago"},
		&cli.StringFlag{Name: "received-before", Usage: only + " received before `TIME`"},
	}
}

// eventListFlags are the flags that pick events by themselves.
func eventListFlags() []cli.Flag {
	return append(eventFilterFlags("only those", "none"),
		&cli.StringFlag{Name: "part-of", Usage: "only the parts of the event `ID`"})
}

// notificationsFlag lists events that are left out otherwise.
func notificationsFlag() cli.Flag {
	return &cli.BoolFlag{Name: "notifications", Usage: "list also the notifications of imports, the events of the source sluice"}
}

// eventFields reads eventFilterFlags. set says whether any of them was given.
func eventFields(c *cli.Context) (f store.EventFilter, set bool, err error) {
	f.Sources, f.NotSources = listFlag(c, "source"), listFlag(c, "not-source")
	f.Triggers, f.NotTriggers = listFlag(c, "name"), listFlag(c, "not-name")
	f.Versions, f.NotVersions = listFlag(c, "event-version"), listFlag(c, "not-event-version")
	if f.ReceivedAfter, err = timeFlag(c, "received-after"); err != nil {
		return f, false, err
	}
	if f.ReceivedBefore, err = timeFlag(c, "received-before"); err != nil {
		return f, false, err
	}
	lists := [][]string{f.Sources, f.NotSources, f.Triggers, f.NotTriggers, f.Versions, f.NotVersions}
	set = !f.ReceivedAfter.IsZero() || !f.ReceivedBefore.IsZero() ||
		slices.ContainsFunc(lists, func(list []string) bool { return len(list) > 0 })
	return f, set, nil
}

// eventFilter reads eventListFlags and jobFilterFlags.
func eventFilter(c *cli.Context) (store.EventFilter, error) {
	f, _, err := eventFields(c)
	if err != nil {
		return f, err
	}
	jobs, byJobs, err := jobFilter(c)
	if byJobs {
		f.Jobs = &jobs
	}
	f.ParentID = c.String("part-of")
	return f, err
}

// jobPickFlags are the flags that pick jobs, by themselves and by their events.
func jobPickFlags() []cli.Flag {
	return append(jobFilterFlags(), eventFilterFlags("only those of events", "none of events")...)
}

// jobPick reads jobPickFlags. set says whether any of them was given.
func jobPick(c *cli.Context) (f store.JobFilter, set bool, err error) {
	f, set, err = jobFilter(c)
	if err != nil {
		return f, false, err
	}
	event, byEvent, err := eventFields(c)
	if byEvent {
		f.Event = &event
	}
	return f, set || byEvent, err
}

// countFlag asks for a number in the place of a listing.
func countFlag() cli.Flag {
	return &cli.BoolFlag{Name: "count", Usage: "say how many there are on all pages, instead of listing them"}
}

// answerCount answers with a number.
func answerCount(c *cli.Context, n int64, err error) error {
	switch {
	case err != nil:
		return err
	case asJSON(c):
		return writeJSON(c, map[string]int64{"count": n})
	default:
		return say(c, "%d", n)
	}
}
