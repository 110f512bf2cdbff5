// Command sluice-dev runs everything that Sluice needs on one machine.
package main

import (
	"context"
	"os"
	_ "time/tzdata" // sites have time zones also where the system has none

	"github.com/sluicehq/sluice/devstack/app"
	"github.com/sluicehq/sluice/devstack/sluice"
)

func main() {
	err := app.New(sluice.Hooks()).RunContext(context.Background(), os.Args)
	os.Exit(app.ExitCode(err, os.Stderr))
}
