package cli

import (
	"slices"

	"github.com/urfave/cli/v2"

	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// eventFilterFlags returns the flags that filter events, or jobs by their events.
func eventFilterFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "source", Usage: "filter by event source `NAME`" + repeated},
		&cli.StringSliceFlag{Name: "not-source", Usage: "exclude event source `NAME`" + repeated},
		&cli.StringSliceFlag{Name: "name", Usage: "filter by event name `NAME`" + repeated},
		&cli.StringSliceFlag{Name: "not-name", Usage: "exclude event name `NAME`" + repeated},
		&cli.StringSliceFlag{Name: "event-version", Usage: "filter by event version `NAME`" + repeated},
		&cli.StringSliceFlag{Name: "not-event-version", Usage: "exclude event version `NAME`" + repeated},
		&cli.StringFlag{
			Name: "received-after", Usage: "filter by events received at or after `TIME`; 2h means two hours ago",
		},
		&cli.StringFlag{Name: "received-before", Usage: "filter by events received before `TIME`"},
	}
}

// eventListFlags are the flags that filter events.
func eventListFlags() []cli.Flag {
	return append(eventFilterFlags(),
		&cli.StringFlag{Name: "part-of", Usage: "filter by parent event `ID`"})
}

// notificationsFlag lists events that are hidden otherwise.
func notificationsFlag() cli.Flag {
	return &cli.BoolFlag{Name: "notifications", Usage: "include notifications of imports (events of the source sluice)"}
}

// eventFields reads eventFilterFlags. set reports whether any of them is set.
func eventFields(c *cli.Context) (f deliverystore.EventFilter, set bool, err error) {
	f.Sources, f.NotSources = listFlag(c, "source"), listFlag(c, "not-source")
	f.Names, f.NotNames = listFlag(c, "name"), listFlag(c, "not-name")
	f.Versions, f.NotVersions = listFlag(c, "event-version"), listFlag(c, "not-event-version")
	if f.ReceivedAfter, err = timeFlag(c, "received-after"); err != nil {
		return f, false, err
	}
	if f.ReceivedBefore, err = timeFlag(c, "received-before"); err != nil {
		return f, false, err
	}
	lists := [][]string{f.Sources, f.NotSources, f.Names, f.NotNames, f.Versions, f.NotVersions}
	set = !f.ReceivedAfter.IsZero() || !f.ReceivedBefore.IsZero() ||
		slices.ContainsFunc(lists, func(list []string) bool { return len(list) > 0 })
	return f, set, nil
}

// eventFilter reads eventListFlags and jobFilterFlags.
func eventFilter(c *cli.Context) (deliverystore.EventFilter, error) {
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

// jobPickFlags are the flags that filter jobs, by themselves and by their events.
func jobPickFlags() []cli.Flag {
	return append(jobFilterFlags(), eventFilterFlags()...)
}

// jobPick reads jobPickFlags. set reports whether any of them is set.
func jobPick(c *cli.Context) (f deliverystore.JobFilter, set bool, err error) {
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

// countFlag replaces a listing by its size.
func countFlag() cli.Flag {
	return &cli.BoolFlag{Name: "count", Usage: "print the total number instead of a list"}
}

// answerCount writes the result of countFlag.
func answerCount(c *cli.Context, n int64, err error) error {
	if err != nil {
		return err
	}
	return answer(c, map[string]int64{"count": n}, "%d", n)
}
