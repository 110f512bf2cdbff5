package cli

import (
	"fmt"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/importers"
)

func importCommand(registry *importers.Registry) *cli.Command {
	waits := &cli.BoolFlag{Name: "wait", Usage: "wait until the import has ended"}
	return group("import", "start and manage imports", append(controlCommands(),
		startCommand(registry),
		listenCommand(),
		&cli.Command{
			Name: "list", Usage: "list imports, newest first",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "site", Usage: "filter by site `DOMAIN`"},
				&cli.StringFlag{Name: "source", Usage: "filter by importer `NAME`"},
				&cli.StringSliceFlag{Name: "status", Usage: "filter by `STATUS`; comma-separated or repeated"},
				&cli.StringFlag{Name: "by", Usage: "filter by requester `NAME`"},
				&cli.IntFlag{Name: "limit", Value: 20, Usage: "list at most `N` imports, 1 to 1000"},
				&cli.Int64Flag{Name: "before", Usage: "list imports older than `ID`", DefaultText: "start with the newest"},
				outputFlag(),
			},
			Action: withSession(listImports),
		},
		&cli.Command{
			Name: "show", Usage: "show an import with its parts", ArgsUsage: "ID",
			Flags: []cli.Flag{outputFlag()}, Action: withSession(showImport),
		},
		&cli.Command{
			Name: "logs", Usage: "show the log of an import", ArgsUsage: "ID",
			Flags: []cli.Flag{
				&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "wait for new lines until the import ends"},
				outputFlag("csv"),
			},
			Action: withArg(idArg, (*session).Store, showLogs),
		},
		&cli.Command{
			Name: "parts", Usage: "list the parts of an import", ArgsUsage: "ID",
			Flags: []cli.Flag{outputFlag()}, Action: withArg(idArg, (*session).Store, listParts),
		},
		&cli.Command{
			Name: "rejects", Usage: "list rejected rows of an import", ArgsUsage: "ID",
			Flags: []cli.Flag{
				textFlag("rows", "file, column or reason"),
				&cli.StringFlag{Name: "column", Usage: "list only rows rejected for this `COLUMN`"},
				&cli.StringSliceFlag{
					Name: "part", Usage: "list only rows of the part of this `NUMBER`, as `sluice import parts` lists it" + repeated,
				},
				&cli.IntFlag{Name: "limit", Value: 50, Usage: "list at most `N` rows, 1 to 10000"},
				&cli.IntFlag{Name: "skip", Usage: "skip the first `N` rows", DefaultText: "none"},
				outputFlag(),
			},
			Action: withSession(listRejects),
		},
		&cli.Command{
			Name: "preview", Usage: "show sample rows of an import in review", ArgsUsage: "ID",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "table", Usage: "show only rows of `TABLE`, such as imported_pages"},
				&cli.IntFlag{Name: "limit", Value: 5, Usage: "show at most `N` rows per table, 1 to 1000"},
				outputFlag(),
			},
			Action: withSession(previewImport),
		},
		&cli.Command{
			Name: "cancel", Usage: "cancel an import and purge its rows", ArgsUsage: "ID",
			Flags: []cli.Flag{waits, byFlag(), reasonFlag("")}, Action: withArg(idArg, (*session).Starter, cancelImport),
		},
		&cli.Command{
			Name: "delete", Usage: "delete an ended import and its rows", ArgsUsage: "ID",
			Flags: []cli.Flag{
				&cli.BoolFlag{Name: "no-wait", Usage: "return as soon as the deletion has started"},
			},
			Action: withArg(idArg, (*session).Starter, deleteImport),
		},
		&cli.Command{
			Name: "retry-part", Usage: "retry a parked part", ArgsUsage: "ID PART",
			Flags: []cli.Flag{byFlag(), reasonFlag("")}, Action: withArg(partArgs, (*session).Starter, retryPart),
		},
		&cli.Command{
			Name: "skip-part", Usage: "skip a parked part", ArgsUsage: "ID PART",
			Flags:  []cli.Flag{byFlag(), reasonFlag("; required")},
			Action: withArg(reasoned(partArgs), (*session).Starter, skipPart),
		},
	)...)
}

// idArg returns the command's single argument, an import ID.
func idArg(c *cli.Context) (int64, error) {
	text, err := oneArg(c, "an import ID")
	if err != nil {
		return 0, err
	}
	return parseID(text)
}

func parseID(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 {
		return 0, fmt.Errorf("invalid import ID %q: want a number (see `sluice import list`)", text)
	}
	return id, nil
}

// limitFlag returns the value of --limit, 1 to most.
func limitFlag(c *cli.Context, most int) (int, error) {
	limit := c.Int("limit")
	if limit < 1 || limit > most {
		return 0, fmt.Errorf("--limit %d: want 1 to %d", limit, most)
	}
	return limit, nil
}
