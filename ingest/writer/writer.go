// Package writer brings the events of the log into the warehouse, exactly once.
//
// A partition is written by the holder of its lease, which reads the stream that the partition may share with
// others. The log is cut into ranges. A range is
// decided once, by size or age, and recorded before the first insert; after a crash the next
// writer makes the same rows of the same range and inserts them under the same token. The
// token alone would not do, because ClickHouse may remember the token of a block that it has
// lost, or forget one that it has: rows carry their position, each range is counted, and one
// that is short or doubled is purged and inserted under a new token. Then it is marked.
package writer

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/session"
	"github.com/sluicehq/sluice/internal/faults"
)

// Config configures a Writer.
type Config struct {
	// Log, Checkpoints and Warehouse are required.
	Log         Log
	Checkpoints Checkpoints
	Warehouse   Warehouse
	// LogID is the id of the event log. Required.
	LogID string

	// MaxRows and MaxBytes end a range: so many records of the partition, or so many bytes of them. They
	// default to 50,000 and 32 MiB.
	MaxRows  int
	MaxBytes int
	// MaxAge is how long the first message of a range waits for others. Defaults to 5 s.
	MaxAge time.Duration
	// SnapshotRanges is after how many ranges the open sessions are saved, or after a minute
	// with a range. Defaults to 30.
	SnapshotRanges int
	// SessionBytes bounds the memory of open sessions of a partition. Defaults to 256 MiB.
	SessionBytes int64
	// MinBackoff and MaxBackoff bound the pause after a fault of the warehouse. They default
	// to 250 ms and 30 s.
	MinBackoff, MaxBackoff time.Duration
	// SkipGaps continues behind messages that are missing from the log. By default the
	// partition stops: an operator may still restore the log.
	SkipGaps bool
	// Written, if set, is called with each range after it was marked. It must return quickly.
	Written func(Written)
	// Logger takes faults. Defaults to slog.Default().
	Logger *slog.Logger
}

// Written describes a range that was written.
type Written struct {
	Range
	Summary
	// Oldest is when the log stored the first message of the range: its lag until now.
	Oldest time.Time
	// Took is the time from the decision of the range until it was marked.
	Took time.Duration
	// Repairs is how often the range was found short or doubled.
	Repairs int
}

const (
	snapshotAge = time.Minute
	// maxRepairs bounds how often a range is repaired before the writer gives up and leaves
	// it to the next attempt.
	maxRepairs = 3
)

// Validate reports every fault of the configuration.
func (c Config) Validate() error {
	var f faults.Faults
	f.Check(c.Log != nil, "writer: no log")
	f.Check(c.Checkpoints != nil, "writer: no checkpoints")
	f.Check(c.Warehouse != nil, "writer: no warehouse")
	f.Check(c.LogID != "", "writer: no id of the log")
	f.Check(c.MaxRows >= 0 && c.MaxBytes >= 0 && c.MaxAge >= 0 && c.SnapshotRanges >= 0 && c.SessionBytes >= 0 &&
		c.MinBackoff >= 0 && c.MaxBackoff >= 0, "writer: a limit is negative: want 0 for the default, or more")
	return f.Err()
}

// Writer writes partitions. It is safe for concurrent use.
type Writer struct{ cfg Config }

// New returns a Writer.
func New(cfg Config) (*Writer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.MaxRows = cmp.Or(cfg.MaxRows, 50_000)
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, 32<<20)
	cfg.MaxAge = cmp.Or(cfg.MaxAge, 5*time.Second)
	cfg.SnapshotRanges = cmp.Or(cfg.SnapshotRanges, 30)
	cfg.MinBackoff = cmp.Or(cfg.MinBackoff, 250*time.Millisecond)
	cfg.MaxBackoff = cmp.Or(cfg.MaxBackoff, 30*time.Second)
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	return &Writer{cfg: cfg}, nil
}

// Run writes a partition until ctx ends, or until an error that a retry within the lease cannot
// cure. The context must end with the lease of the token: no statement is sent afterwards.
// After an error, the next Run continues from the checkpoints.
func (w *Writer) Run(ctx context.Context, partition int, token int64) error {
	r, err := w.begin(ctx, partition, token)
	if err != nil {
		return fmt.Errorf("begin to write partition %d: %w", partition, err)
	}
	defer r.reader.Close()
	for {
		if err := r.step(ctx); err != nil {
			return fmt.Errorf("write partition %d: %w", partition, err)
		}
	}
}

// run is one run over a partition.
type run struct {
	*Writer
	partition int
	token     int64
	reader    Reader
	machine   *session.Machine
	// next is the sequence after the last written range.
	next uint64
	// open is a range that an earlier run has decided, and not marked.
	open *Open
	// fault ends the run after the ranges before it.
	fault error
	// ranges counts those since saved, the time of the last snapshot.
	ranges int
	saved  time.Time
	// trims are the snapshots before which the log is to be trimmed, oldest first.
	trims []trim
}

type trim struct {
	upTo uint64
	at   time.Time
}

// begin restores the sessions: from the snapshot, and from the log up to the last written range.
func (w *Writer) begin(ctx context.Context, partition int, token int64) (*run, error) {
	progress, err := w.cfg.Checkpoints.Load(ctx, partition, token)
	if err != nil {
		return nil, err
	}
	r := &run{Writer: w, partition: partition, token: token, next: max(progress.Next, 1), open: progress.Open}
	sessions := session.Config{LogID: w.cfg.LogID, Partition: partition, MaxBytes: w.cfg.SessionBytes}
	from := uint64(1)
	if progress.Snapshot == nil {
		r.machine = session.New(sessions)
	} else {
		from = progress.SnapshotNext
		if r.machine, err = session.Restore(sessions, progress.Snapshot); err != nil {
			return nil, err
		}
	}
	r.saved = time.Now()
	r.reader = w.cfg.Log.Read(partition, from)
	for from < r.next {
		message, err := r.read(ctx)
		if err != nil {
			r.reader.Close()
			return nil, fmt.Errorf("replay from %d to %d: %w", from, r.next-1, err)
		}
		if message.Sequence >= r.next {
			r.reader.Close()
			return nil, fmt.Errorf("replay to %d: the log continues with %d", r.next-1, message.Sequence)
		}
		// Its rows are written: only the sessions matter.
		if err := newBatch(partition, r.machine).add(message); err != nil {
			r.reader.Close()
			return nil, err
		}
		from = message.Sequence + 1
	}
	r.machine.Changed()
	return r, nil
}

// step writes one range.
func (r *run) step(ctx context.Context) error {
	b, resumed, err := r.collect(ctx)
	if err != nil {
		return err
	}
	begun := time.Now()
	repairs, err := r.write(ctx, b, resumed)
	if err != nil {
		return err
	}
	summary := Summary{Counts: b.counts(), Poison: b.poison, Poisoned: b.poisoned}
	if err := r.cfg.Checkpoints.Mark(ctx, r.token, b.Range, summary); err != nil {
		return fmt.Errorf("mark range %s: %w", b.Range, err)
	}
	r.next, r.open = b.To+1, nil
	if b.poisoned > 0 {
		r.cfg.Logger.Error("events could not be written", "range", b.String(), "events", b.poisoned,
			"first", b.poison[0].Reason)
	}
	if r.cfg.Written != nil {
		r.cfg.Written(Written{Range: b.Range, Summary: summary, Oldest: b.oldest, Took: time.Since(begun), Repairs: repairs})
	}
	return r.save(ctx)
}

// save saves the open sessions now and then, and trims the log before them.
func (r *run) save(ctx context.Context) error {
	r.ranges++
	if r.ranges < r.cfg.SnapshotRanges && time.Since(r.saved) < snapshotAge {
		return nil
	}
	snapshot, err := r.machine.Snapshot()
	if err != nil {
		return err
	}
	if err := r.cfg.Checkpoints.SaveSnapshot(ctx, r.token, r.partition, r.next, snapshot); err != nil {
		return fmt.Errorf("save the sessions before message %d: %w", r.next, err)
	}
	r.ranges, r.saved = 0, time.Now()
	r.trims = append(r.trims, trim{upTo: r.next - 1, at: r.saved})
	due := -1
	for i, t := range r.trims {
		if time.Since(t.at) >= eventlog.DuplicateWindow {
			due = i
		}
	}
	if due < 0 {
		return nil
	}
	// A log that is not trimmed now is trimmed next time.
	trimmed, err := r.trim(ctx, r.trims[due].upTo)
	if err != nil {
		r.cfg.Logger.Warn("event log not trimmed", "partition", r.partition, "error", err)
	}
	if trimmed {
		r.trims = r.trims[due+1:]
	}
	return nil
}

// trim trims the log up to a sequence, or as far as the other partitions in the stream allow.
func (r *run) trim(ctx context.Context, upTo uint64) (bool, error) {
	if sharing := r.cfg.Log.Sharing(r.partition); len(sharing) > 1 {
		needed, err := r.cfg.Checkpoints.Needed(ctx, sharing)
		if err != nil {
			return false, err
		}
		if needed <= 1 {
			return false, nil
		}
		upTo = min(upTo, needed-1)
	}
	return r.cfg.Log.Trim(ctx, r.partition, upTo)
}
