package app

import (
	"os"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/devstack/supervise"
)

// guardLifeline ends this process immediately if it is a child and its parent has ended. Every
// engine recovers from a kill.
func guardLifeline(*cli.Context) error {
	if supervise.HasLifeline() {
		supervise.Guard(os.Stdin, func() { os.Exit(1) })
	}
	return nil
}
