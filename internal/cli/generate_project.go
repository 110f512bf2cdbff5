package cli

import (
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/scaffold"
)

func generateProjectCommand() *cli.Command {
	return &cli.Command{
		Name: "project", Usage: "write a program with components of its own, which builds and passes its tests",
		Description: "It has a main, an importer, a destination, mail templates, a Makefile and tests. " +
			"The program has the\n" +
			"command line and the worker of sluice. Nothing is overwritten.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "module", Usage: "the `PATH` of its Go module, such as example.com/team/mine; required"},
			&cli.StringFlag{
				Name: "replace", Usage: "build it with the checkout of sluice in `DIR`", DefaultText: "the newest release",
			},
			&cli.StringFlag{Name: "path", Usage: "write into `DIR`", DefaultText: "the last element of --module"},
			outputFlag(),
		},
		Action: generateProject,
	}
}

func generateProject(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
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
