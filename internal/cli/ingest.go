package cli

import (
	"github.com/urfave/cli/v2"
)

func ingestCommand() *cli.Command {
	return group("ingest", "inspect the ingestion of live events", ingestLogCommand(),
		&cli.Command{
			Name: "try", Usage: "show what would become of an event, step by step, without storing it",
			Description: "The event passes the steps of the server, with the settings of the site and the reference data of\n" +
				"refdata.folder. No event is stored, no rate limit counts and no counter changes. The session is not tried:\n" +
				"an engagement event without one is dropped later, by the writer.",
			Flags: append(eventFlags(),
				&cli.StringFlag{
					Name: "body", Usage: "send `BODY`, @FILE, or - for standard input, instead of a body of the flags above",
				},
				&cli.StringFlag{Name: "ip", Usage: "come from the `ADDRESS` of the visitor, or of the proxy of --header"},
				&cli.StringFlag{Name: "user-agent", Usage: "send the header User-Agent with `TEXT`"},
				&cli.StringSliceFlag{
					Name: "header", Usage: "send the header `NAME:VALUE`, such as one of a trusted proxy; may be repeated",
				},
				outputFlag(),
			),
			Action: withSession(tryEvent),
		},
	)
}

// eventFlags are the flags that make a body.
func eventFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "site", Usage: "the `DOMAIN` of the site, or several separated by commas"},
		&cli.StringFlag{Name: "url", Usage: "the `URL` of the page"},
		&cli.StringFlag{Name: "name", Value: "pageview", Usage: "the `NAME` of the event"},
		&cli.StringFlag{Name: "referrer", Usage: "the `URL` of the page before"},
		&cli.StringSliceFlag{Name: "props", Usage: "the custom property `NAME=VALUE`; may be repeated"},
		&cli.StringFlag{Name: "revenue", Usage: "the revenue `AMOUNT:CURRENCY`, such as 10.50:EUR"},
		&cli.StringFlag{
			Name: "timestamp", Usage: "the `TIME` in RFC 3339, as an authorised sender sets it", DefaultText: "now",
		},
	}
}
