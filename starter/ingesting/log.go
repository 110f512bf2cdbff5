package ingesting

import (
	"context"

	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/internal/ingesting"
	"github.com/sluicehq/sluice/store"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// EventLog is what the event log has, and what of it is written to the warehouse. Fields are only ever added.
type EventLog struct {
	ID         string         `json:"id"`
	Partitions []LogPartition `json:"partitions"`
}

// LogPartition is a partition of the event log. Messages have sequences; 0 for oldest and newest is none.
type LogPartition struct {
	Partition int   `json:"partition"`
	Oldest    int64 `json:"oldest"`
	Newest    int64 `json:"newest"`
	Written   int64 `json:"written"`
	Lag       int64 `json:"lag"`
	Bytes     int64 `json:"bytes"`
	MaxBytes  int64 `json:"max_bytes"`
}

// ShowLog opens the event log and returns what it has. The error is store.ErrNotFound if no server or worker has begun
// one.
func ShowLog(ctx context.Context, s *ingeststore.Store, cfg eventlog.Config) (EventLog, error) {
	known, err := s.Log(ctx)
	if err != nil {
		return EventLog{}, err
	}
	cfg.Partitions = int(known.Partitions)
	log, err := ingesting.OpenLog(ctx, s, cfg)
	if err != nil {
		return EventLog{}, err
	}
	defer log.Close()
	l := EventLog{ID: log.ID()}
	l.Partitions, err = LogPartitions(ctx, s, log)
	return l, err
}

// LogPartitions returns what an open event log has, and what of it is written to the warehouse.
func LogPartitions(ctx context.Context, s *ingeststore.Store, log *eventlog.Log) ([]LogPartition, error) {
	positions, err := s.Positions(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]LogPartition, 0, len(positions))
	for _, at := range positions {
		stats, err := log.Stats(ctx, int(at.Partition))
		if err != nil {
			return nil, err
		}
		p := LogPartition{
			Partition: stats.Partition, Written: at.Next - 1, Lag: int64(stats.Last) + 1 - at.Next,
			Bytes: stats.Bytes, MaxBytes: stats.MaxBytes,
		}
		if stats.Last >= stats.First {
			p.Oldest, p.Newest = int64(stats.First), int64(stats.Last)
		}
		all = append(all, p)
	}
	return all, nil
}

// ReplaceLog begins a new event log after the permanent loss of the known one, as ingesting.ReplaceLog does, and
// records it in the audit.
func ReplaceLog(
	ctx context.Context, s *ingeststore.Store, cfg eventlog.Config, discard bool,
) (ingesting.ReplacedLog, error) {
	entry := store.AuditEntry{
		Operation: "event_log.replace", SubjectType: "event_log", After: map[string]bool{"discard_events": discard},
	}
	return store.AuditedResult(ctx, s.Store, entry, func(ctx context.Context) (ingesting.ReplacedLog, error) {
		return ingesting.ReplaceLog(ctx, s, cfg, discard)
	})
}
