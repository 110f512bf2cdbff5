package command

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/scaffold"
)

func generateCommand() *cli.Command {
	return group("generate", "write the beginnings of a component",
		&cli.Command{
			Name: "importer", Usage: "write an importer that compiles and passes its tests",
			Description: "It reads a file of daily totals, until you make it read what you have. Nothing is overwritten.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "name", Usage: "its `NAME` in the registry, such as daily_totals; required"},
				&cli.StringFlag{Name: "path", Usage: "write into `DIR`", DefaultText: "importers/<package>"},
				&cli.StringFlag{
					Name: "module", Usage: "make it a Go module of its own, with this `PATH`", DefaultText: "a part of sluice",
				},
				outputFlag(),
			},
			Action: generateImporter,
		},
	)
}

func generateImporter(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	if err := requireFlag(c, "name", "say what to call it, for instance --name daily_totals"); err != nil {
		return err
	}
	importer := scaffold.Importer{Name: c.String("name"), Module: c.String("module")}
	files, err := importer.Files()
	if err != nil {
		return err
	}
	dir := filepath.FromSlash(importer.Folder())
	if c.IsSet("path") {
		dir = c.String("path")
	}
	written, err := scaffold.Write(dir, files)
	if errors.Is(err, scaffold.ErrExists) {
		return fmt.Errorf("%w: choose another --name or --path", err)
	}
	if err != nil {
		return err
	}
	if asJSON(c) {
		return writeJSON(c, map[string]any{"name": importer.Name, "package": importer.Import(), "files": written})
	}
	return say(c, "wrote importer %s:\n  %s\n%s says what comes next", importer.Name, strings.Join(written, "\n  "),
		filepath.Join(dir, "README.md"))
}
