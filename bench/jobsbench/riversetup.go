package jobsbench

import (
	"encoding/json"
	"time"

	"github.com/riverqueue/river"

	"github.com/sluicehq/sluice/bench/sink"
)

// envRiver is the variable that tells River's worker its setup. It has a DSN, which is not to
// stand on a command line.
const envRiver = "SLUICE_BENCH_RIVER"

// releasePath is the path that starts a held worker of River.
const releasePath = "/release"

// riverSetup is how River is set up. What is 0 is River's own default, or pgx's.
type riverSetup struct {
	DSN    string      `json:"dsn"`
	Schema string      `json:"schema"`
	Sink   sink.Client `json:"sink"`
	// Held waits for releasePath before it delivers. Lanes has a queue for each lane.
	Held  bool `json:"held"`
	Lanes bool `json:"lanes"`
	// MaxWorkers is how many jobs a queue works on at once.
	MaxWorkers int `json:"max_workers"`
	// FetchCooldown and FetchPollInterval are as in river.Config.
	FetchCooldown     time.Duration `json:"fetch_cooldown"`
	FetchPollInterval time.Duration `json:"fetch_poll_interval"`
	// MaxConns bounds the worker's pool of connections to PostgreSQL.
	MaxConns int32 `json:"max_conns"`
}

// newRiverSetup is River with 100 workers, as its documentation has it, and all else as it
// comes; or tuned.
func newRiverSetup(dsn string, tuned bool, to sink.Client) riverSetup {
	if !tuned {
		return riverSetup{DSN: dsn, Schema: "bench_river_default", Sink: to, MaxWorkers: 100}
	}
	return riverSetup{
		DSN: dsn, Schema: "bench_river_tuned", Sink: to,
		// A fetch takes as many jobs as there are workers free, so that more of them are fewer
		// fetches when jobs have piled up. 500 or 2000 brought no more on two cores.
		MaxWorkers: 200,
		// The cooldown is what a new job waits for most of the time by default (100ms), and
		// bounds how much is fetched of what has piled up. The least that River takes is 1ms;
		// on two cores that made the median far worse: notifications and fetches of single
		// jobs took the time that the jobs needed. 20ms costs a tenth less and waits longer.
		FetchCooldown: 5 * time.Millisecond,
		// Polling only finds what no notification has told of.
		FetchPollInterval: 100 * time.Millisecond,
		// As many as Sluice's worker has.
		MaxConns: 10,
	}
}

// riverArgs is a job of River: what an event is to Sluice.
type riverArgs struct {
	Lane string          `json:"lane"`
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

var _ river.JobArgs = riverArgs{}

// Kind names the kind of job.
func (riverArgs) Kind() string { return "webhook" }
