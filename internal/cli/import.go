package cli

import (
	"fmt"
	"strconv"

	"github.com/urfave/cli/v2"
)

func importCommand(sources string) *cli.Command {
	waits := &cli.BoolFlag{Name: "wait", Usage: "wait until it is over"}
	return group("import", "start, follow and take back imports", append(orderCommands(),
		startCommand(sources),
		listenCommand(),
		&cli.Command{
			Name: "list", Usage: "list imports, newest first",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "site", Usage: "only those of `DOMAIN`"},
				&cli.StringFlag{Name: "source", Usage: "only those of the importer `NAME`"},
				&cli.StringSliceFlag{Name: "status", Usage: "only those that are `STATUS`, or one of several with commas"},
				&cli.StringFlag{Name: "by", Usage: "only those that `NAME` has started"},
				&cli.IntFlag{Name: "limit", Value: 20, Usage: "at most `N`, 1 to 1000"},
				&cli.Int64Flag{Name: "before", Usage: "only those with a number below `ID`", DefaultText: "start with the newest"},
				outputFlag(),
			},
			Action: withSession(listImports),
		},
		&cli.Command{
			Name: "show", Usage: "show an import with its parts", ArgsUsage: "ID",
			Flags: []cli.Flag{outputFlag()}, Action: withSession(showImport),
		},
		&cli.Command{
			Name: "logs", Usage: "show what an import has to tell", ArgsUsage: "ID",
			Flags: []cli.Flag{
				&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "wait for more until the import is over"},
				outputFlag("csv"),
			},
			Action: withSession(showLogs),
		},
		&cli.Command{
			Name: "parts", Usage: "list the parts of an import", ArgsUsage: "ID",
			Flags: []cli.Flag{outputFlag()}, Action: withSession(listParts),
		},
		&cli.Command{
			Name: "rejects", Usage: "list rows that could not be loaded", ArgsUsage: "ID",
			Flags: []cli.Flag{
				&cli.IntFlag{Name: "limit", Value: 50, Usage: "at most `N`, 1 to 10000"},
				&cli.IntFlag{Name: "skip", Usage: "leave out the first `N`", DefaultText: "none"},
				outputFlag(),
			},
			Action: withSession(listRejects),
		},
		&cli.Command{
			Name: "preview", Usage: "show rows of an import that waits for a decision", ArgsUsage: "ID",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "table", Usage: "only rows of `TABLE`, for instance imported_pages"},
				&cli.IntFlag{Name: "limit", Value: 5, Usage: "at most `N` rows a table, 1 to 1000"},
				outputFlag(),
			},
			Action: withSession(previewImport),
		},
		&cli.Command{
			Name: "cancel", Usage: "stop an import; none of its rows stay", ArgsUsage: "ID",
			Flags: []cli.Flag{waits, byFlag(), reasonFlag("")}, Action: withSession(cancelImport),
		},
		&cli.Command{
			Name: "delete", Usage: "take back an import that has ended", ArgsUsage: "ID",
			Flags: []cli.Flag{
				&cli.BoolFlag{Name: "no-wait", Usage: "return as soon as the deletion is under way"},
			},
			Action: withSession(deleteImport),
		},
		&cli.Command{
			Name: "retry-part", Usage: "try a parked part again", ArgsUsage: "ID PART",
			Flags: []cli.Flag{byFlag(), reasonFlag("")}, Action: withSession(retryPart),
		},
		&cli.Command{
			Name: "skip-part", Usage: "leave a parked part out", ArgsUsage: "ID PART",
			Flags: []cli.Flag{byFlag(), reasonFlag("; required")}, Action: withSession(skipPart),
		},
	)...)
}

// idArg returns the command's single argument, the number of an import.
func idArg(c *cli.Context) (int64, error) {
	text, err := oneArg(c, "the ID of an import")
	if err != nil {
		return 0, err
	}
	return parseID(text)
}

func parseID(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 {
		return 0, fmt.Errorf("%q is not the ID of an import: want a number, as `sluice import list` shows it", text)
	}
	return id, nil
}

// limitFlag returns a flag that bounds a listing.
func limitFlag(c *cli.Context, most int) (int, error) {
	limit := c.Int("limit")
	if limit < 1 || limit > most {
		return 0, fmt.Errorf("--limit %d: want 1 to %d", limit, most)
	}
	return limit, nil
}
