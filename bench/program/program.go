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

// Roles are the processes that a benchmark starts of its own program, or of that of its tests: by their names, each
// with the address to listen at.
type Roles map[string]func(ctx context.Context, address string) error

// Role runs the process that the arguments of the program ask for, and exits. If they ask for none, it returns.
func Role(name string, roles Roles) {
	if len(os.Args) != 3 || roles[os.Args[1]] == nil {
		return
	}
	role := os.Args[1]
	Main(name, func(ctx context.Context) error {
		if err := profiled(role, func() error { return roles[role](ctx, os.Args[2]) }); err != nil {
			return fmt.Errorf("%s: %w", role, err)
		}
		return nil
	})
	os.Exit(0)
}

func exit(name string, err error) {
	if _, werr := fmt.Fprintf(os.Stderr, "%s: %s\n", name, err); werr != nil {
		os.Exit(2)
	}
	os.Exit(1)
}
