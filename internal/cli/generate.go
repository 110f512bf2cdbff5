package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/scaffold"
)

func generateCommand() *cli.Command {
	return group("generate", "write the beginnings of a program or of a component",
		generateProjectCommand(),
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
		&cli.Command{
			Name: "destination", Usage: "write a destination that compiles and passes its tests",
			Description: "It posts what it is sent to the URL of a connection, until you make it do what you want.\n" +
				"Nothing is overwritten.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "name", Usage: "its `NAME` in the registry, such as shop_crm; required"},
				&cli.StringFlag{Name: "path", Usage: "write into `DIR`", DefaultText: "destinations/<package>"},
				&cli.StringFlag{
					Name: "module", Usage: "make it a Go module of its own, with this `PATH`", DefaultText: "a part of sluice",
				},
				&cli.BoolFlag{Name: "migrations", Usage: "add migrations for tables of its own"},
				outputFlag(),
			},
			Action: generateDestination,
		},
		&cli.Command{
			Name: "action", Usage: "write an action of a destination that compiles and passes its tests",
			Description: "It posts what it is sent to the URL of a connection, until you make it do what you want.\n" +
				"Nothing is overwritten.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "destination", Usage: "the `NAME` of its destination; required"},
				&cli.StringFlag{Name: "name", Usage: "its `NAME` there, such as upsert_contact; required"},
				&cli.StringFlag{Name: "path", Usage: "write into `DIR`", DefaultText: "destinations/<package>"},
				outputFlag(),
			},
			Action: generateAction,
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
	return generate(c, generated{
		what: "importer", name: importer.Name, pkg: importer.Import(), folder: importer.Folder(), readme: true,
	}, files)
}

func generateDestination(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	if err := requireFlag(c, "name", "say what to call it, for instance --name shop_crm"); err != nil {
		return err
	}
	destination := scaffold.Destination{
		Name: c.String("name"), Module: c.String("module"), Migrations: c.Bool("migrations"),
	}
	files, err := destination.Files()
	if err != nil {
		return err
	}
	return generate(c, generated{
		what: "destination", name: destination.Name, pkg: destination.Import(), folder: destination.Folder(), readme: true,
	}, files)
}

func generateAction(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	err := requireFlag(c, "destination", "say what it is an action of, for instance --destination shop_crm")
	if err != nil {
		return err
	}
	if err := requireFlag(c, "name", "say what to call it, for instance --name upsert_contact"); err != nil {
		return err
	}
	action := scaffold.Action{Name: c.String("name"), Destination: c.String("destination")}
	files, err := action.Files()
	if err != nil {
		return err
	}
	return generate(c, generated{
		what: "action", name: action.Name, pkg: action.Package(), folder: action.Folder(),
		next: fmt.Sprintf("add new%s() to the Actions of the destination %s", action.Exported(), action.Destination),
	}, files)
}

// generated is a component that is written.
type generated struct {
	what, name, pkg string
	// folder is where it goes unless --path says otherwise.
	folder string
	// next is what to do with it, unless a README says so.
	next   string
	readme bool
}

// generate writes the files of a component, and says so.
func generate(c *cli.Context, g generated, files []scaffold.File) error {
	dir := filepath.FromSlash(g.folder)
	if c.IsSet("path") {
		dir = c.String("path")
	}
	begin(c)
	written, err := scaffold.Write(dir, files)
	if errors.Is(err, scaffold.ErrExists) {
		return fmt.Errorf("%w: choose another name or --path", err)
	}
	if err != nil {
		return err
	}
	if asJSON(c) {
		return writeJSON(c, map[string]any{"name": g.name, "package": g.pkg, "files": written})
	}
	if g.readme {
		g.next = filepath.Join(dir, "README.md") + " says what comes next"
	}
	return say(c, "wrote %s %s:\n  %s\n%s", g.what, g.name, strings.Join(written, "\n  "), g.next)
}
