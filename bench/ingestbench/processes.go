package ingestbench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sluicehq/sluice/bench/program"
	"github.com/sluicehq/sluice/bench/workerprocess"
)

// processes are what the benchmark runs beside the stack of `sluice-dev exec`: each is a process of its own, as in
// production.
type processes struct {
	// dir has the data of event log and ClickHouse.
	dir string
	// environ are the settings of the processes.
	environ []string
	// serverAddress is where the server takes events.
	serverAddress string
	clickhouse    workerprocess.Program

	noop, log, server, worker, engine *workerprocess.Worker
}

// Names of variables of the stack.
const (
	envDev       = "SLUICE_DEV_BIN"
	envLibrary   = "SLUICE_LIBCHDB"
	envWarehouse = "SLUICE_WAREHOUSE_DSN"
)

// newProcesses makes the folder of the data and the settings. ClickHouse is not that of the stack, whose
// supervisor restarts it at once.
func newProcesses(ctx context.Context, cfg Config) (p *processes, err error) {
	if os.Getenv(envDev) == "" || os.Getenv(envLibrary) == "" {
		return nil, errors.New("run the benchmark by `make bench-ingest`, or inside `sluice-dev exec`: " +
			envDev + " and " + envLibrary + " are not set")
	}
	var addresses [3]string
	for i := range addresses {
		if addresses[i], err = workerprocess.FreeAddress(ctx); err != nil {
			return nil, err
		}
	}
	p = &processes{serverAddress: addresses[0]}
	if p.dir, err = os.MkdirTemp(cfg.Dir, "sluice-bench-"); err != nil {
		return nil, err
	}
	p.environ = []string{
		envWarehouse + "=http://default@" + addresses[1] + "/sluice",
		"SLUICE_EVENTLOG_URL=nats://" + addresses[2], "SLUICE_EVENTLOG_TOKEN=" + rand.Text(),
		"SLUICE_EVENTLOG_TOKEN_FILE=", "SLUICE_EVENTLOG_CREDENTIALS=",
		"SLUICE_EVENTLOG_DIR=" + filepath.Join(p.dir, "eventlog"),
		"SLUICE_SERVER_LISTEN=" + p.serverAddress, "SLUICE_SERVER_STOP_DELAY=0s",
		// Visitors are imitated on this machine.
		"SLUICE_SERVER_TRUSTED_PROXIES=127.0.0.0/8",
		"SLUICE_REFDATA_FOLDER=" + cfg.Refdata, program.ProfileIn(cfg.Profile),
	}
	p.clickhouse = workerprocess.Program{
		Path: os.Getenv(envDev), Address: addresses[1], Ready: "/ping",
		Args: []string{"clickhouse", "--data", filepath.Join(p.dir, "clickhouse"), "--address", addresses[1]},
	}
	return p, nil
}

// start starts everything but the server, which needs the sites.
func (p *processes) start(ctx context.Context) (err error) {
	if p.engine, err = workerprocess.StartAt(ctx, p.clickhouse); err != nil {
		return err
	}
	for _, role := range []struct {
		name string
		into **workerprocess.Worker
	}{{roleNoop, &p.noop}, {roleLog, &p.log}, {roleWorker, &p.worker}} {
		if *role.into, err = workerprocess.StartSelf(ctx, p.environ, role.name); err != nil {
			return err
		}
	}
	return nil
}

func (p *processes) startServer(ctx context.Context) (err error) {
	p.server, err = workerprocess.StartSelf(ctx, p.environ, roleServer)
	return err
}

// stop stops what was started and removes the data.
func (p *processes) stop() error {
	var faults []error
	for _, one := range []struct {
		name    string
		process *workerprocess.Worker
	}{{roleServer, p.server}, {roleWorker, p.worker}, {roleLog, p.log}, {roleNoop, p.noop}} {
		if one.process == nil {
			continue
		}
		if err := one.process.Stop(); err != nil {
			faults = append(faults, fmt.Errorf("stop the process %s: %w", one.name, err))
		}
	}
	if p.engine != nil {
		faults = append(faults, p.engine.Kill())
	}
	return errors.Join(append(faults, os.RemoveAll(p.dir))...)
}

// usage is processor time, in microseconds. clients is that of the benchmark itself.
type usage struct{ log, server, worker, engine, noop, clients float64 }

func (p *processes) usage() (u usage, err error) {
	for _, one := range []struct {
		process *workerprocess.Worker
		into    *float64
	}{{p.log, &u.log}, {p.server, &u.server}, {p.worker, &u.worker}, {p.engine, &u.engine}, {p.noop, &u.noop}} {
		used, err := workerprocess.CPU(one.process.PID())
		if err != nil {
			return u, err
		}
		*one.into = float64(used.Microseconds())
	}
	own, err := workerprocess.OwnCPU()
	u.clients = float64(own.Microseconds())
	return u, err
}

// each is what an event has cost since an earlier look.
func (u usage) each(before usage, events int64) usage {
	n := float64(max(events, 1))
	return usage{
		log: (u.log - before.log) / n, server: (u.server - before.server) / n, worker: (u.worker - before.worker) / n,
		engine: (u.engine - before.engine) / n, noop: (u.noop - before.noop) / n, clients: (u.clients - before.clients) / n,
	}
}
