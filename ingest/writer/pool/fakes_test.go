package pool_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/sluicehq/sluice/ingest/writer"
	"github.com/sluicehq/sluice/ingest/writer/pool"
)

var (
	quiet   = slog.New(slog.DiscardHandler)
	errAway = errors.New("the store is away")
)

// lease is what the store has of a partition.
type lease struct {
	holder string
	token  int64
	end    time.Time
}

// world is a store of leases, and the writers of all processes.
type world struct {
	mu sync.Mutex
	// away makes every call fail; lose makes those calls fail that have an effect, after it.
	away, lose bool
	members    []string
	leases     []lease
	// writing has the token of the writer that each partition has, or 0.
	writing []int64
	// fault, if set, is the result of a writer at its begin.
	fault func(partition int) error
	// faults are what was wrong: two writers of a partition, or a writer without a lease.
	faults []string
	// begun has the time of each begin of a writer, by partition.
	begun map[int][]time.Time
	// left and released are the numbers of calls.
	left, released int
}

func newWorld(partitions int) *world {
	return &world{leases: make([]lease, partitions), writing: make([]int64, partitions), begun: map[int][]time.Time{}}
}

// member is the leases of one process.
type member struct {
	world *world
	name  string
}

// call carries out a call.
func (m member) call(ctx context.Context, effect func(w *world)) error {
	m.world.mu.Lock()
	defer m.world.mu.Unlock()
	if m.world.away || ctx.Err() != nil {
		return errAway
	}
	effect(m.world)
	if m.world.lose {
		return errAway
	}
	return nil
}

// Acquire adds free leases up to the fair share.
func (m member) Acquire(ctx context.Context, ttl time.Duration) (acquired []pool.Lease, surplus int, err error) {
	err = m.call(ctx, func(w *world) {
		if !slices.Contains(w.members, m.name) {
			w.members = append(w.members, m.name)
		}
		room := len(w.leases) / len(w.members)
		if slices.Index(w.members, m.name) < len(w.leases)%len(w.members) {
			room++
		}
		for _, l := range w.leases {
			if l.holder == m.name && time.Now().Before(l.end) {
				room--
			}
		}
		surplus = max(-room, 0)
		for i := range w.leases {
			if l := &w.leases[i]; room > 0 && (l.holder == "" || !time.Now().Before(l.end)) {
				l.holder, l.token, l.end = m.name, l.token+1, time.Now().Add(ttl)
				acquired = append(acquired, pool.Lease{Partition: i, FencingToken: l.token})
				room--
			}
		}
	})
	if err != nil {
		return nil, 0, err
	}
	return acquired, surplus, nil
}

// Renew extends the leases that have not expired.
func (m member) Renew(ctx context.Context, ttl time.Duration) (held []pool.Lease, err error) {
	err = m.call(ctx, func(w *world) {
		for i := range w.leases {
			if l := &w.leases[i]; l.holder == m.name && time.Now().Before(l.end) {
				l.end = time.Now().Add(ttl)
				held = append(held, pool.Lease{Partition: i, FencingToken: l.token})
			}
		}
	})
	return held, err
}

// Release frees a lease.
func (m member) Release(ctx context.Context, l pool.Lease) error {
	return m.call(ctx, func(w *world) {
		if w.writing[l.Partition] == l.FencingToken {
			w.faults = append(w.faults, "released while it is written")
		}
		w.leases[l.Partition].holder = ""
		w.released++
	})
}

// Leave removes the process from those that share.
func (m member) Leave(ctx context.Context) error {
	return m.call(ctx, func(w *world) {
		w.members = slices.DeleteFunc(w.members, func(name string) bool { return name == m.name })
		w.left++
	})
}

// Run is a writer that notes when it runs without a lease, or beside another.
func (w *world) Run(ctx context.Context, partition int, token int64) error {
	w.mu.Lock()
	w.begun[partition] = append(w.begun[partition], time.Now())
	if w.fault != nil {
		if err := w.fault(partition); err != nil {
			w.mu.Unlock()
			return err
		}
	}
	switch l := w.leases[partition]; {
	case l.token != token || l.holder == "":
		w.mu.Unlock()
		return writer.ErrFenced
	case w.writing[partition] != 0:
		w.faults = append(w.faults, "two writers")
	}
	w.writing[partition] = token
	w.mu.Unlock()
	<-ctx.Done()
	w.mu.Lock()
	defer w.mu.Unlock()
	if l := w.leases[partition]; l.token != token || !time.Now().Before(l.end) {
		w.faults = append(w.faults, "a writer outlived its lease")
	}
	w.writing[partition] = 0
	return ctx.Err()
}

// held returns how many partitions each process writes.
func (w *world) held() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := map[string]int{}
	for i, token := range w.writing {
		if token != 0 {
			all[w.leases[i].holder]++
		}
	}
	return all
}

// set changes the world.
func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}
