package app

import (
	"os"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/devstack/supervise"
)

// guardLifeline ends this process at once when it is a child and its parent is
// no more. There is nobody left whom an orderly end would serve, and every
// engine recovers from a kill.
func guardLifeline(*cli.Context) error {
	if supervise.HasLifeline() {
		supervise.Guard(os.Stdin, func() { os.Exit(1) })
	}
	return nil
}
