package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sluicehq/sluice/internal/inbound"
	"github.com/sluicehq/sluice/store/internal/db"
)

const (
	// WorkerHeartbeat is how often a worker process sends its heartbeat.
	WorkerHeartbeat = 10 * time.Second
	// WorkerLive is for how long after its last heartbeat a worker counts as live.
	WorkerLive = 3 * WorkerHeartbeat
	// maxOfferedLabel bounds the labels of what a worker offers, in bytes of JSON.
	maxOfferedLabel = 200
)

// Offers are the components that a worker process has: names and labels, no settings.
type Offers struct {
	Importers       []OfferedImporter    `json:"importers"`
	Destinations    []OfferedDestination `json:"destinations"`
	ConnectionKinds []string             `json:"connection_kinds"`
}

// OfferedImporter is an importer that a worker has.
type OfferedImporter struct {
	Name  string `json:"name"`
	Label string `json:"label"`
}

// OfferedDestination is a destination that a worker has.
type OfferedDestination struct {
	Name    string   `json:"name"`
	Label   string   `json:"label"`
	Actions []string `json:"actions"`
}

// LiveWorker is a worker process with a recent heartbeat.
type LiveWorker struct {
	// ID identifies this run of the process: see NewID. Required.
	ID string
	// Process is its process ID and host, as "4711@host".
	Process string
	// Version is the version of its program.
	Version string
	// StartedAt and HeartbeatAt are set by the store.
	StartedAt, HeartbeatAt time.Time
	Offers
}

// Heartbeat records that a worker lives and what it offers, for WorkerLive. It removes workers whose
// last heartbeat is older than that.
func (s *Store) Heartbeat(ctx context.Context, w LiveWorker) error {
	for i := range w.Importers {
		w.Importers[i].Label = inbound.Cut(Plain(w.Importers[i].Label), maxOfferedLabel)
	}
	for i := range w.Destinations {
		w.Destinations[i].Label = inbound.Cut(Plain(w.Destinations[i].Label), maxOfferedLabel)
	}
	offers, err := json.Marshal(w.Offers)
	if err == nil {
		err = s.sql.Queries.HeartbeatWorker(ctx, db.HeartbeatWorkerParams{
			ID: w.ID, LiveSeconds: WorkerLive.Seconds(), Process: Plain(w.Process), Version: Plain(w.Version), Offers: offers,
		})
	}
	if err != nil {
		return fmt.Errorf("record the heartbeat of worker %s: %w", w.Process, err)
	}
	return nil
}

// RemoveWorker removes a worker that stops.
func (s *Store) RemoveWorker(ctx context.Context, id string) error {
	return s.sql.Queries.RemoveWorker(ctx, id)
}

// Workers are all live workers, oldest first.
type Workers []LiveWorker

// LiveWorkers returns the workers whose heartbeat is not older than WorkerLive.
func (s *Store) LiveWorkers(ctx context.Context) (Workers, error) {
	rows, err := s.sql.Queries.ListLiveWorkers(ctx, WorkerLive.Seconds())
	if err != nil {
		return nil, fmt.Errorf("list live workers: %w", err)
	}
	all := make(Workers, len(rows))
	for i, row := range rows {
		all[i] = LiveWorker{
			ID: row.ID, Process: row.Process, Version: row.Version, StartedAt: row.StartedAt, HeartbeatAt: row.HeartbeatAt,
		}
		if err := json.Unmarshal(row.Offers, &all[i].Offers); err != nil {
			return nil, fmt.Errorf("read what worker %s offers: %w", row.Process, err)
		}
	}
	return all, nil
}

// WithImporter returns the workers that have an importer.
func (w Workers) WithImporter(name string) Workers {
	return w.with(func(o Offers) bool {
		return slices.ContainsFunc(o.Importers, func(i OfferedImporter) bool { return i.Name == name })
	})
}

// WithDestination returns the workers that have a destination.
func (w Workers) WithDestination(name string) Workers {
	return w.with(func(o Offers) bool {
		return slices.ContainsFunc(o.Destinations, func(d OfferedDestination) bool { return d.Name == name })
	})
}

// WithAction returns the workers that have an action of a destination.
func (w Workers) WithAction(destination, action string) Workers {
	return w.with(func(o Offers) bool {
		return slices.ContainsFunc(o.Destinations, func(d OfferedDestination) bool {
			return d.Name == destination && slices.Contains(d.Actions, action)
		})
	})
}

// WithConnectionKind returns the workers that have a kind of connections.
func (w Workers) WithConnectionKind(name string) Workers {
	return w.with(func(o Offers) bool { return slices.Contains(o.ConnectionKinds, name) })
}

func (w Workers) with(offers func(Offers) bool) Workers {
	var some Workers
	for _, one := range w {
		if offers(one.Offers) {
			some = append(some, one)
		}
	}
	return some
}

// Processes returns the process IDs and hosts of the workers.
func (w Workers) Processes() []string {
	var all []string
	for _, one := range w {
		all = append(all, one.Process)
	}
	return all
}

// Offers returns what at least one of the workers offers, by name. The newest worker's label counts; a
// destination has the actions of all workers.
func (w Workers) Offers() Offers {
	imported, delivered, kinds := map[string]OfferedImporter{}, map[string]OfferedDestination{}, map[string]bool{}
	for _, one := range w {
		for _, i := range one.Importers {
			imported[i.Name] = i
		}
		for _, d := range one.Destinations {
			d.Actions = slices.Sorted(slices.Values(append(slices.Clone(d.Actions), delivered[d.Name].Actions...)))
			d.Actions = slices.Compact(d.Actions)
			delivered[d.Name] = d
		}
		for _, kind := range one.ConnectionKinds {
			kinds[kind] = true
		}
	}
	return Offers{
		Importers: slices.SortedFunc(maps.Values(imported), func(a, b OfferedImporter) int {
			return cmp.Compare(a.Name, b.Name)
		}),
		Destinations: slices.SortedFunc(maps.Values(delivered), func(a, b OfferedDestination) int {
			return cmp.Compare(a.Name, b.Name)
		}),
		ConnectionKinds: slices.Sorted(maps.Keys(kinds)),
	}
}
