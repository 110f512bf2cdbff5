package lifecyclebench

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/bench/workerprocess"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/delay"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/store"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// bench is what the cases work with.
type bench struct {
	sites    []string
	store    *dispatchstore.Store
	db       *pgxpool.Pool
	temporal client.Client
	starter  *starter.Starter
	pids     pids
}

// pids are the processes whose processor time is measured.
type pids struct{ worker, temporal, postgres int }

// connect finds the stack by the environment that `sluice-dev exec` has set.
func connect(ctx context.Context, workerPID int) (*bench, error) {
	settings, err := config.Load("", os.Environ())
	if err != nil {
		return nil, err
	}
	temporal, err := starter.TemporalOptions(slog.New(slog.DiscardHandler), os.Environ())
	if err != nil {
		return nil, err
	}
	b := &bench{pids: pids{worker: workerPID}}
	if b.store, err = dispatchstore.Open(ctx, store.Config{DSN: settings.Store.DSN}, nil); err != nil {
		return nil, err
	}
	if b.db, err = pgxpool.New(ctx, settings.Store.DSN); err != nil {
		b.store.Close()
		return nil, err
	}
	b.temporal, err = client.DialContext(ctx, temporal)
	if err == nil {
		err = b.find(ctx, temporal.HostPort)
	}
	if err != nil {
		b.close()
		return nil, err
	}
	b.starter = &starter.Starter{
		Temporal: b.temporal, Namespace: temporal.Namespace, Store: b.store, Registry: components.Stock(settings).Importers,
		Defaults: settings.Import, Review: settings.Review, Limits: settings.Limits,
	}
	// The case with the lock has them all on one site.
	b.starter.Limits.ImportsPerSite = 0
	return b, nil
}

func (b *bench) close() {
	if b.temporal != nil {
		b.temporal.Close()
	}
	b.db.Close()
	b.store.Close()
}

// find looks for the engines of the stack, which run on this machine: the Temporal server
// by its port, PostgreSQL as the parent of its session.
func (b *bench) find(ctx context.Context, temporal string) error {
	_, port, err := net.SplitHostPort(temporal)
	if err != nil {
		return fmt.Errorf("temporal address: %w", err)
	}
	if b.pids.temporal, err = workerprocess.Find("start-dev", port); err != nil {
		return fmt.Errorf("the Temporal server: %w", err)
	}
	var session int
	if err := b.db.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&session); err != nil {
		return err
	}
	if b.pids.postgres, err = workerprocess.Parent(session); err != nil {
		return fmt.Errorf("PostgreSQL: %w", err)
	}
	return nil
}

// Usage is processor time, in seconds.
type Usage struct {
	Worker   float64 `json:"worker_s"`
	Temporal float64 `json:"temporal_s"`
	Postgres float64 `json:"postgres_s"`
}

func (b *bench) usage() (u Usage, err error) {
	for _, p := range []struct {
		pid  int
		into *float64
	}{{b.pids.worker, &u.Worker}, {b.pids.temporal, &u.Temporal}, {b.pids.postgres, &u.Postgres}} {
		used, err := workerprocess.CPU(p.pid)
		if err != nil {
			return u, err
		}
		*p.into = used.Seconds()
	}
	return u, nil
}

func (u Usage) since(before Usage) Usage {
	return Usage{
		Worker: u.Worker - before.Worker, Temporal: u.Temporal - before.Temporal, Postgres: u.Postgres - before.Postgres,
	}
}

func (b *bench) addSites(ctx context.Context, sites int) error {
	for i := range sites {
		b.sites = append(b.sites, fmt.Sprintf("bench-%d.example", i))
		if _, err := b.store.Imports.AddSite(ctx, importstore.NewSite{Domain: b.sites[i], TimeZone: "UTC"}); err != nil {
			return err
		}
	}
	return nil
}

// starters is how many clients start imports at once.
const starters = 32

func (b *bench) start(ctx context.Context, site string, args map[string]any) (importstore.Import, error) {
	text, err := json.Marshal(args)
	if err != nil {
		return importstore.Import{}, err
	}
	return b.starter.StartImport(ctx, starter.Request{Site: site, Source: "noop", Args: text})
}

// until calls look again and again until it says that it has seen enough.
func until(ctx context.Context, every time.Duration, look func() (seen bool, err error)) error {
	for range delay.Rounds(ctx, every) {
		if seen, err := look(); seen || err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}
