package ingestbench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/internal/delay"
	"github.com/sluicehq/sluice/internal/ingesting"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/store"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	importstore "github.com/sluicehq/sluice/store/importing"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// bench is what the cases work with.
type bench struct {
	cfg   Config
	log   io.Writer
	run   *processes
	store *dispatchstore.Store
	// events is the event log, of which only positions are read.
	events *eventlog.Log
	engine driver.Conn
	agents []string
	sites  map[string]*site
}

// site is the site of a case, whose events are numbered.
type site struct {
	id int64
	// next is the number of the next event.
	next int64
	// accepted and failed are how many events the server has accepted, and how many it may have stored without
	// saying so.
	accepted, failed int64
	fault            string
	visitors         visitors
}

// domainOf is the domain of a case's site.
func domainOf(name string) string { return name + ".bench.example" }

// connect starts all processes and connects to them.
func (b *bench) connect(ctx context.Context) (err error) {
	if b.agents, err = weightedAgents(); err != nil {
		return err
	}
	if b.run, err = newProcesses(ctx, b.cfg); err != nil {
		return err
	}
	if err := b.run.start(ctx); err != nil {
		return err
	}
	settings, err := config.Load("", slices.Concat(os.Environ(), b.run.environ))
	if err != nil {
		return err
	}
	if b.store, err = dispatchstore.Open(ctx, store.Config{DSN: settings.Store.DSN, MaxConns: 4}, nil); err != nil {
		return err
	}
	for _, name := range b.cfg.Cases {
		if err := b.addSite(ctx, name); err != nil {
			return err
		}
	}
	b.events, err = ingesting.OpenLog(ctx, ingeststore.New(b.store.Store),
		wiring.EventLog(settings.EventLog, slog.New(slog.DiscardHandler)))
	if err != nil {
		return err
	}
	options, err := clickhouse.ParseDSN(settings.Warehouse.DSN)
	if err != nil {
		return err
	}
	options.ReadTimeout = time.Minute
	if b.engine, err = clickhouse.Open(options); err != nil {
		return err
	}
	return b.run.startServer(ctx)
}

func (b *bench) addSite(ctx context.Context, name string) error {
	added, err := b.store.Imports.AddSite(ctx, importstore.NewSite{Domain: domainOf(name), TimeZone: "UTC"})
	if err != nil {
		return err
	}
	s := &site{id: added.ID, visitors: visitors{domain: added.Domain, count: b.cfg.Visitors, agents: b.agents}}
	if name == CaseRandom {
		s.visitors.agents = nil
	}
	b.sites[name] = s
	return nil
}

func (b *bench) close() error {
	var faults []error
	if b.engine != nil {
		faults = append(faults, b.engine.Close())
	}
	if b.events != nil {
		b.events.Close()
	}
	if b.run != nil {
		faults = append(faults, b.run.stop())
	}
	if b.store != nil {
		b.store.Close()
	}
	return errors.Join(faults...)
}

// backlog is how far the writers are behind the log.
type backlog struct {
	// messages are not written, the oldest of them for so long.
	messages int64
	oldest   time.Duration
	// next is the message of each partition that is written next, last the newest one.
	next, last []int64
}

// passed reports whether the writers have written everything that an earlier log had.
func (l backlog) passed(earlier backlog) bool {
	for p, last := range earlier.last {
		if l.next[p] <= last {
			return false
		}
	}
	return true
}

func (b *bench) backlog(ctx context.Context) (l backlog, err error) {
	positions, err := ingeststore.New(b.store.Store).Positions(ctx)
	if err != nil {
		return l, err
	}
	if len(positions) == 0 {
		return l, errors.New("the store knows no event log")
	}
	for _, p := range positions {
		stats, err := b.events.Stats(ctx, int(p.Partition))
		if err != nil {
			return l, err
		}
		l.next, l.last = append(l.next, p.Next), append(l.last, int64(stats.Last))
		behind := int64(stats.Last) - p.Next + 1
		if behind <= 0 {
			continue
		}
		stored, err := b.events.StoredAt(ctx, int(p.Partition), uint64(p.Next))
		if err != nil {
			return l, err
		}
		l.messages += behind
		l.oldest = max(l.oldest, time.Since(stored))
	}
	return l, nil
}

// await waits until the backlog is as wanted, for at most the patience, and returns how long it took.
func (b *bench) await(ctx context.Context, what string, enough func(backlog) bool) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, b.cfg.Patience)
	defer cancel()
	begun := time.Now()
	for {
		l, err := b.backlog(ctx)
		if err == nil && enough(l) {
			return time.Since(begun), nil
		}
		if err == nil {
			err = delay.Wait(ctx, 200*time.Millisecond)
		}
		if err != nil {
			return 0, fmt.Errorf("wait until %s; %d messages of the log are not written, the oldest for %s: %w", what,
				l.messages, l.oldest.Round(time.Second), err)
		}
	}
}

// drained waits until everything in the log is written.
func (b *bench) drained(ctx context.Context) (time.Duration, error) {
	return b.await(ctx, "all is written", func(l backlog) bool { return l.messages == 0 })
}

// stored waits until all events are written, and compares those of a site with the accepted ones.
func (b *bench) stored(ctx context.Context, r *report, name string) error {
	if _, err := b.drained(ctx); err != nil {
		return err
	}
	s := b.sites[name]
	var rows, distinct uint64
	if err := b.engine.QueryRow(ctx, "SELECT count(), uniqExact(pathname) FROM events WHERE site_id = ?",
		uint64(s.id)).Scan(&rows, &distinct); err != nil {
		return fmt.Errorf("count the events of the case %s: %w", name, err)
	}
	r.stored(name, int64(rows), int64(distinct), s)
	return nil
}
