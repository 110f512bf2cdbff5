package cli

import (
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/scaffold"
)

func generateProjectCommand() *cli.Command {
	return &cli.Command{
		Name: "project", Usage: "generate a project: a program with its own components that builds and passes its tests",
		Description: "The project has a main package, an importer, a destination, mail templates, a Makefile and tests.\n" +
			"It has sluice's command line and worker. Existing files are not overwritten.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "module", Usage: "`PATH` of the Go module, such as example.com/team/mine; required"},
			&cli.StringFlag{
				Name: "replace", Usage: "use the checkout of sluice in `DIR`", DefaultText: "the latest release",
			},
			&cli.StringFlag{Name: "path", Usage: "write files to `DIR`", DefaultText: "the last element of --module"},
			outputFlag(),
		},
		Action: generateProject,
	}
}

func generateProject(c *cli.Context) error {
	if err := requireFlag(c, "module", "the path of a Go module, such as --module example.com/team/mine"); err != nil {
		return err
	}
	project := scaffold.Project{Module: c.String("module")}
	if c.IsSet("replace") {
		var err error
		if project.Replace, err = filepath.Abs(c.String("replace")); err != nil {
			return err
		}
	}
	files, err := project.Files()
	if err != nil {
		return err
	}
	return generate(c, generated{
		what: "project", name: project.Binary(), pkg: project.Module, folder: project.Folder(), readme: true,
	}, files)
}
