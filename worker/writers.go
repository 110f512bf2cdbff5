package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/writer"
	"github.com/sluicehq/sluice/ingest/writer/pool"
	"github.com/sluicehq/sluice/internal/delay"
	"github.com/sluicehq/sluice/internal/ingesting"
	"github.com/sluicehq/sluice/internal/ingesting/rows"
	"github.com/sluicehq/sluice/internal/wiring"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// Bounds of a range in a worker, which holds one of each of its partitions: an outage of the
// warehouse leaves full ranges in all of them.
const (
	rangeRows  = 10_000
	rangeBytes = 8 << 20
)

// maxLogBackoff bounds the pause between two attempts to open the event log.
const maxLogBackoff = 30 * time.Second

// writeEvents brings the events of the event log into the warehouse until ctx ends. Imports and
// deliveries do not depend on it: while the log is away, or refused, the readiness says so and it
// tries again.
func (w *Worker) writeEvents(ctx context.Context) {
	if w.cfg.Settings.EventLog.URL == "" {
		w.log.Info("no event log is configured (eventlog.url): this worker writes no events")
		return
	}
	log := w.awaitEventLog(ctx)
	if log == nil {
		return
	}
	defer log.Close()
	p, err := w.newPool(log)
	if err != nil {
		// Only a fault of the program: the settings were validated.
		w.log.Error("events are not written", "error", err)
		w.health.setEvents(nil, fmt.Errorf("write events: %w", err))
		return
	}
	w.health.setEvents(log, nil)
	w.metrics.writers.lag.watch(ingeststore.New(w.store.Store), log)
	defer w.metrics.writers.lag.watch(nil, nil)
	limitMemory(w.cfg.Settings, log.Partitions())
	w.log.Info("writing events", "log_id", log.ID(), "partitions", log.Partitions())
	p.Run(ctx)
}

// awaitEventLog opens the event log, and returns nil if ctx ends before.
func (w *Worker) awaitEventLog(ctx context.Context) *eventlog.Log {
	w.health.setEvents(nil, errOpening)
	for backoff := 250 * time.Millisecond; ; backoff = min(2*backoff, maxLogBackoff) {
		log, err := ingesting.OpenLog(ctx, ingeststore.New(w.store.Store), wiring.EventLog(w.cfg.Settings.EventLog, w.log))
		if err == nil {
			return log
		}
		if ctx.Err() != nil {
			return nil
		}
		w.health.setEvents(nil, err)
		if ingesting.Refused(err) {
			w.log.Error("the event log is refused; events are not written", "retry_in", backoff, "error", err)
		} else {
			w.log.Warn("waiting", "for", "event log", "retry_in", backoff, "error", err)
		}
		if delay.Wait(ctx, backoff) != nil {
			return nil
		}
	}
}

// newPool returns the writers of the process.
func (w *Worker) newPool(log *eventlog.Log) (*pool.Pool, error) {
	opened, settings := ingeststore.New(w.store.Store), w.cfg.Settings.Ingest
	history, err := ingesting.NewHistory(rows.New(w.warehouse), opened, w.warehouse)
	if err != nil {
		return nil, err
	}
	wr, err := writer.New(writer.Config{
		Log: writer.FromLog(log), Checkpoints: ingesting.NewCheckpoints(opened), Warehouse: history,
		LogID: log.ID(), MaxRows: rangeRows, MaxBytes: rangeBytes, MaxAge: settings.FlushInterval,
		SessionBytes: settings.SessionMiB << 20, SkipGaps: settings.SkipGaps, Written: w.metrics.writers.written,
		Logger: w.log,
	})
	if err != nil {
		return nil, err
	}
	leases, err := ingesting.NewLeases(opened)
	if err != nil {
		return nil, err
	}
	return pool.New(pool.Config{Leases: leases, Writer: wr, Logger: w.log})
}
