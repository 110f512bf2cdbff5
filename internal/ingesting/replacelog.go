package ingesting

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/session"
	"github.com/sluicehq/sluice/store"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// ErrLogInUse means that the server has a log with events, or the log that the store knows.
var ErrLogInUse = errors.New("the event log is not lost")

// ReplacedLog is the result of ReplaceLog.
type ReplacedLog struct {
	// Lost is the id of the log that the store has known, ID that of the new one.
	Lost, ID string
	// Unsettled are the partitions of which a range was being written: its rows may be in the warehouse or not.
	Unsettled []int
}

// ReplaceLog begins a new event log for a store whose log is lost: its partitions begin behind those of the lost
// one, so that no position is used twice; open sessions end. Events of the lost log that were not written are
// lost. With discard it first deletes the log that the server has, with its events: another one, or an old copy.
// The errors are store.ErrNotFound if the store knows no log, and ErrLogInUse. After an error it can be repeated.
func ReplaceLog(
	ctx context.Context, s *ingeststore.Store, cfg eventlog.Config, discard bool,
) (ReplacedLog, error) {
	known, err := s.Log(ctx)
	if err != nil {
		return ReplacedLog{}, err
	}
	positions, err := s.Positions(ctx)
	if err != nil {
		return ReplacedLog{}, err
	}
	replaced := ReplacedLog{Lost: known.ID}
	cfg.Partitions, cfg.ExpectID, cfg.FirstSequences = int(known.Partitions), "", make([]uint64, known.Partitions)
	for _, at := range positions {
		cfg.FirstSequences[at.Partition] = uint64(at.Behind)
		if at.Behind > at.Next {
			replaced.Unsettled = append(replaced.Unsettled, int(at.Partition))
		}
	}
	if discard {
		if err := discardLog(ctx, s, cfg); err != nil {
			return ReplacedLog{}, err
		}
	}
	log, err := eventlog.Open(ctx, cfg)
	if err != nil {
		return ReplacedLog{}, err
	}
	defer log.Close()
	if log.ID() == known.ID {
		return ReplacedLog{}, fmt.Errorf("%w: the server has log %s, which is that of the store", ErrLogInUse, known.ID)
	}
	starts, err := startsOf(ctx, log, cfg.FirstSequences)
	if err != nil {
		return ReplacedLog{}, err
	}
	replaced.ID = log.ID()
	store.NoteSubject(ctx, log.ID(), "")
	store.NoteChange(ctx, map[string]string{"id": known.ID}, nil)
	return replaced, s.ReplaceLog(ctx, known.ID, log.ID(), starts)
}

// discardLog deletes the log that the server has, unless it is the one of the store, and whole.
func discardLog(ctx context.Context, s *ingeststore.Store, cfg eventlog.Config) error {
	log, err := OpenLog(ctx, s, cfg)
	if err == nil {
		defer log.Close()
		return fmt.Errorf("%w: the server has log %s, which is that of the store, and whole", ErrLogInUse, log.ID())
	}
	if !Refused(err) {
		return err
	}
	return eventlog.Delete(ctx, cfg)
}

// startsOf returns where the partitions of a new log begin, without a session. An attempt before may have created
// the log.
func startsOf(ctx context.Context, log *eventlog.Log, want []uint64) ([]ingeststore.Start, error) {
	starts := make([]ingeststore.Start, len(want))
	for p := range want {
		stats, err := log.Stats(ctx, p)
		if err != nil {
			return nil, err
		}
		if stats.Last >= stats.First || stats.First < want[p] {
			return nil, fmt.Errorf("%w: the server has log %s, of which partition %d has the messages %d to %d: "+
				"want an empty one that begins with %d or later; --discard-events deletes it",
				ErrLogInUse, log.ID(), p, stats.First, stats.Last, want[p])
		}
		snapshot, err := session.New(session.Config{LogID: log.ID(), Partition: p}).Snapshot()
		if err != nil {
			return nil, err
		}
		starts[p] = ingeststore.Start{Partition: int32(p), First: int64(stats.First), Snapshot: snapshot}
	}
	return starts, nil
}
