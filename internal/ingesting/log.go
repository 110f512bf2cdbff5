package ingesting

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/store"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// OpenLog opens the event log and registers it in the store, which from then on belongs to this log:
// the checkpoints of one log do not hold for another. cfg.Partitions is 0 for those of the log that the store knows;
// cfg.ExpectID is ignored.
// Refused tells the errors that another attempt does not cure.
func OpenLog(ctx context.Context, s *ingeststore.Store, cfg eventlog.Config) (*eventlog.Log, error) {
	known, err := s.Log(ctx)
	switch {
	case err == nil && cfg.Partitions != 0 && int(known.Partitions) != cfg.Partitions:
		return nil, fmt.Errorf("%w: log %s has %d partitions, the configuration %d: the number of a log never changes",
			ingeststore.ErrOtherLog, known.ID, known.Partitions, cfg.Partitions)
	case err == nil:
		cfg.ExpectID, cfg.Partitions = known.ID, int(known.Partitions)
		// The log keeps its number of streams.
		cfg.Streams = min(cfg.Streams, cfg.Partitions)
	case errors.Is(err, store.ErrNotFound):
		cfg.ExpectID = ""
	default:
		return nil, fmt.Errorf("read the id of the event log: %w", err)
	}
	log, err := eventlog.Open(ctx, cfg)
	if errors.Is(err, eventlog.ErrOtherLog) || errors.Is(err, eventlog.ErrNoLog) {
		return nil, fmt.Errorf("%w (if that log is lost permanently, begin another with `sluice ingest log replace`)", err)
	}
	if err != nil {
		return nil, err
	}
	err = checkNotRewound(ctx, s, log)
	if err != nil {
		log.Close()
		return nil, err
	}
	err = s.RegisterLog(ctx, ingeststore.Log{ID: log.ID(), Partitions: int32(log.Partitions())})
	if err != nil {
		log.Close()
		return nil, err
	}
	return log, nil
}

// checkNotRewound refuses a log that ends before what was written from it, as a restored copy does: events would be
// stored under positions that writers are past.
func checkNotRewound(ctx context.Context, s *ingeststore.Store, log *eventlog.Log) error {
	// First the positions: the log only grows meanwhile.
	positions, err := s.Positions(ctx)
	if err != nil {
		return err
	}
	for _, at := range positions {
		stats, err := log.Stats(ctx, int(at.Partition))
		if err != nil {
			return err
		}
		if int64(stats.Last)+1 < at.Next {
			return fmt.Errorf("%w: partition %d of log %s ends at %d, the store is past %d (was it restored from an old copy? "+
				"`sluice ingest log replace --discard-events` begins another log)",
				eventlog.ErrRewound, at.Partition, log.ID(), stats.Last, at.Next-1)
		}
	}
	return nil
}

// Refused reports whether an error of OpenLog says that the store and the server of the event log do not
// belong together.
func Refused(err error) bool {
	return errors.Is(err, eventlog.ErrOtherLog) || errors.Is(err, eventlog.ErrNoLog) ||
		errors.Is(err, eventlog.ErrRewound) || errors.Is(err, ingeststore.ErrOtherLog)
}
