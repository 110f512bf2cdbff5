// Package program has what the main functions of the benchmarks share.
package program

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Main runs a benchmark until it ends or the program is interrupted. If it fails, Main prints the error and exits
// with 1.
func Main(name string, run func(ctx context.Context) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		exit(name, err)
	}
}

// Role runs the process that the arguments of the program ask for, and exits. If they ask for none, it returns: a
// benchmark starts its own program, or that of its tests, in the roles that it needs. run reports whether the
// arguments ask for a role.
func Role(name string, run func(ctx context.Context, args []string) (is bool, err error)) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	is, err := run(ctx, os.Args[1:])
	stop()
	switch {
	case err != nil:
		exit(name, err)
	case is:
		os.Exit(0)
	}
}

func exit(name string, err error) {
	if _, werr := fmt.Fprintf(os.Stderr, "%s: %s\n", name, err); werr != nil {
		os.Exit(2)
	}
	os.Exit(1)
}
