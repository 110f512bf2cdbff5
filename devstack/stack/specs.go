package stack

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/sluicehq/sluice/devstack/supervise"
)

// engineSpecs are the engines' processes, in the order of their start.
func (s *Stack) engineSpecs() ([]supervise.Spec, error) {
	temporal, err := s.temporalSpec()
	if err != nil {
		return nil, err
	}
	specs := make([]supervise.Spec, 0, len(Engines())+1)
	if s.cfg.StoreDSN == "" {
		specs = append(specs, s.postgresSpec())
	}
	if s.cfg.WarehouseDSN == "" {
		specs = append(specs, s.clickhouseSpec())
	}
	if s.cfg.Server != nil {
		specs = append(specs, s.eventLogSpec())
	}
	return append(specs, temporal), nil
}

func (s *Stack) spec(c Component, args ...string) supervise.Spec {
	return supervise.Spec{
		Name:             string(c),
		Path:             s.cfg.Binary,
		Args:             args,
		Env:              WithEnv(os.Environ(), s.cfg.EngineEnv),
		MaxStartFailures: s.cfg.MaxStartFailures,
		StopTimeout:      15 * time.Second, // the engines bound themselves to 10
	}
}

func (s *Stack) dir(name string) string { return filepath.Join(s.cfg.DataDir, name) }

func (s *Stack) postgresSpec() supervise.Spec {
	spec := s.spec(ComponentPostgres, "postgres", "--data", s.dir("postgres"), "--address", s.cfg.Addresses.Store)
	if s.cfg.NoSync {
		spec.Args = append(spec.Args, "--setting", "fsync=off", "--setting", "full_page_writes=off")
	}
	// A fast shutdown: sessions are ended, data are written. SIGTERM would wait
	// for every client to leave.
	spec.StopSignal = syscall.SIGINT
	spec.Ready = probePostgres(storeDSN(s.cfg.Addresses.Store))
	return spec
}

func (s *Stack) clickhouseSpec() supervise.Spec {
	spec := s.spec(ComponentClickHouse,
		"clickhouse", "--data", s.dir("clickhouse"), "--address", s.cfg.Addresses.Warehouse,
		"--native-address", s.cfg.Addresses.WarehouseNative)
	spec.Ready = probeHTTP("http://" + s.cfg.Addresses.Warehouse + "/ping")
	return spec
}

func (s *Stack) temporalSpec() (supervise.Spec, error) {
	host, port, err := net.SplitHostPort(s.cfg.Addresses.Temporal)
	if err != nil {
		return supervise.Spec{}, fmt.Errorf("temporal address: %w", err)
	}
	args := []string{
		"server", "start-dev", "--ip", host, "--port", port,
		"--db-filename", filepath.Join(s.dir("temporal"), "temporal.db"), "--log-level", "warn",
	}
	if ui := s.cfg.Addresses.TemporalUI; ui == "" {
		args = append(args, "--headless")
	} else {
		uiHost, uiPort, err := net.SplitHostPort(ui)
		if err != nil {
			return supervise.Spec{}, fmt.Errorf("temporal ui address: %w", err)
		}
		args = append(args, "--ui-ip", uiHost, "--ui-port", uiPort)
	}
	names := slices.Sorted(maps.Keys(s.cfg.SearchAttributes))
	for _, name := range names {
		args = append(args, "--search-attribute", name+"="+s.cfg.SearchAttributes[name])
	}
	spec := s.spec(ComponentTemporal, args...)
	spec.Ready = probeTemporal(s.cfg.Addresses.Temporal, s.cfg.Addresses.TemporalUI, names)
	return spec, nil
}

func (s *Stack) eventLogSpec() supervise.Spec {
	spec := s.spec(ComponentEventLog, "eventlog", "--data", s.dir("eventlog"), "--address", s.cfg.Addresses.EventLog,
		"--token-file", s.eventLogTokenFile())
	spec.Ready = probeEventLog(s.cfg.Addresses.EventLog)
	return spec
}

func (s *Stack) serverSpec() supervise.Spec {
	args := s.cfg.Server.Args
	if len(args) == 0 {
		args = []string{"serve"}
	}
	spec := s.spec(ComponentServer, args...)
	spec.Env = WithEnv(spec.Env, s.Env())
	// Requests that are running get their answers.
	spec.StopTimeout = 40 * time.Second
	if ready := s.cfg.Server.Ready; ready != nil {
		spec.Ready = func(ctx context.Context) error { return ready(ctx, s.cfg.Addresses.ServerHealth) }
	}
	return spec
}

func (s *Stack) workerSpec() supervise.Spec {
	w := s.cfg.Worker
	args := w.Args
	if len(args) == 0 {
		args = []string{"worker"}
	}
	spec := s.spec(ComponentWorker, args...)
	if w.Program != "" {
		spec.Path = w.Program
	}
	spec.Env = WithEnv(spec.Env, s.Env())
	// Activities that are under way get time to finish.
	spec.StopTimeout = 30 * time.Second
	if w.Ready != nil {
		spec.Ready = func(ctx context.Context) error { return w.Ready(ctx, s.cfg.Addresses.Worker) }
	}
	return spec
}
