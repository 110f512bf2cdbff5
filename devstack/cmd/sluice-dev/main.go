// Command sluice-dev runs everything that Sluice needs on one machine.
package main

import (
	"context"
	"os"

	"github.com/sluicehq/sluice/devstack/app"
)

func main() {
	err := app.New(app.Hooks{}).RunContext(context.Background(), os.Args)
	os.Exit(app.ExitCode(err, os.Stderr))
}
