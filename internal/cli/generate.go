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
	return group("generate", "generate a project or the code of a new component",
		generateProjectCommand(),
		&cli.Command{
			Name: "importer", Usage: "generate an importer that compiles and passes its tests",
			Description: "The generated importer reads a file of daily totals. Existing files are not overwritten.",
			Flags:       append(componentFlags("daily_totals", "importers"), outputFlag()),
			Action:      generateImporter,
		},
		&cli.Command{
			Name: "destination", Usage: "generate a destination that compiles and passes its tests",
			Description: "The generated code posts each job to the URL of a connection. Existing files are not overwritten.",
			Flags: append(componentFlags("shop_crm", "destinations"),
				&cli.BoolFlag{Name: "migrations", Usage: "add migrations for tables of the destination"}, outputFlag()),
			Action: generateDestination,
		},
		&cli.Command{
			Name: "action", Usage: "generate an action that compiles and passes its tests",
			Description: "The generated code posts each job to the URL of a connection. Existing files are not overwritten.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "destination", Usage: "`NAME` of the destination; required"},
				&cli.StringFlag{Name: "name", Usage: "`NAME` of the action, such as upsert_contact; required"},
				&cli.StringFlag{Name: "path", Usage: "write files to `DIR`", DefaultText: "destinations/<package>"},
				outputFlag(),
			},
			Action: generateAction,
		},
	)
}

// componentFlags are the flags of an importer or a destination.
func componentFlags(example, folder string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "name", Usage: "`NAME` in the registry, such as " + example + "; required"},
		&cli.StringFlag{Name: "path", Usage: "write files to `DIR`", DefaultText: folder + "/<package>"},
		&cli.StringFlag{Name: "module", Usage: "create a Go module with this `PATH`", DefaultText: "part of sluice"},
	}
}

func generateImporter(c *cli.Context) error {
	if err := requireFlag(c, "name", "a name, such as --name daily_totals"); err != nil {
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
	if err := requireFlag(c, "name", "a name, such as --name shop_crm"); err != nil {
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
	err := requireFlag(c, "destination", "the action's destination, such as --destination shop_crm")
	if err != nil {
		return err
	}
	if err := requireFlag(c, "name", "a name, such as --name upsert_contact"); err != nil {
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

// generated is a generated component.
type generated struct {
	what, name, pkg string
	// folder is the default of --path.
	folder string
	// next is the next step, unless there is a README.
	next   string
	readme bool
}

// generate writes the files of a component and lists them.
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
	if g.readme {
		g.next = "see " + filepath.Join(dir, "README.md") + " for the next steps"
	}
	return answer(c, map[string]any{"name": g.name, "package": g.pkg, "files": written},
		"generated %s %s:\n  %s\n%s", g.what, g.name, strings.Join(written, "\n  "), g.next)
}
