package jobsbench

import (
	"github.com/sluicehq/sluice/bench/program"
	"github.com/sluicehq/sluice/bench/sink"
)

// The roles in which the program runs itself.
const (
	roleSink         = "sink"
	roleSluiceWorker = "sluice-worker"
	roleRiverWorker  = "river-worker"
)

// Roles returns the processes that the benchmark starts.
func Roles() program.Roles {
	return program.Roles{roleSink: sink.Serve, roleSluiceWorker: runSluiceWorker, roleRiverWorker: runRiverWorker}
}
