package jobsbench

import (
	"context"
	"fmt"

	"github.com/sluicehq/sluice/bench/sink"
)

// The roles in which the program runs itself.
const (
	roleSink         = "sink"
	roleSluiceWorker = "sluice-worker"
	roleRiverWorker  = "river-worker"
)

// RunRole runs one of the processes that the benchmark starts: a role and the address to
// listen at. is says whether the arguments ask for one at all.
func RunRole(ctx context.Context, args []string) (is bool, err error) {
	roles := map[string]func(ctx context.Context, address string) error{
		roleSink: sink.Serve, roleSluiceWorker: runSluiceWorker, roleRiverWorker: runRiverWorker,
	}
	if len(args) != 2 || roles[args[0]] == nil {
		return false, nil
	}
	if err := roles[args[0]](ctx, args[1]); err != nil {
		return true, fmt.Errorf("%s: %w", args[0], err)
	}
	return true, nil
}
