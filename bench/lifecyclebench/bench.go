package lifecyclebench

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sluicehq/sluice/bench/stack"
	"github.com/sluicehq/sluice/bench/workerprocess"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// bench is what the cases work with.
type bench struct {
	*stack.Stack
	sites   []string
	starter *starter.Starter
	pids    pids
}

// pids are the processes whose processor time is measured.
type pids struct{ worker, temporal, postgres int }

// connect connects to the stack and finds its engines.
func connect(ctx context.Context, workerPID int) (*bench, error) {
	s, err := stack.Connect(ctx, 0)
	if err != nil {
		return nil, err
	}
	b := &bench{Stack: s, starter: s.Starter(), pids: pids{worker: workerPID}}
	// The case with the lock has them all on one site.
	b.starter.Limits.ImportsPerSite = 0
	b.pids.temporal, err = s.TemporalPID()
	if err == nil {
		b.pids.postgres, err = stack.PostgresPID(ctx, s.Settings.Store.DSN)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return b, nil
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
		if _, err := b.Store.Imports.AddSite(ctx, importstore.NewSite{Domain: b.sites[i], TimeZone: "UTC"}); err != nil {
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
