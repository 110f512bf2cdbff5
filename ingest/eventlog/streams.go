package eventlog

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
)

// Metadata of the streams.
const (
	metaLog        = "sluice.log"
	metaPartitions = "sluice.partitions"
)

func (l *Log) streamName(partition int) string { return fmt.Sprintf("%s_%03d", l.cfg.Name, partition) }

func (l *Log) subject(partition int) string { return fmt.Sprintf("%s.%d", l.cfg.Name, partition) }

// openStreams finds or creates the streams. The stream of partition 0 is created first and
// decides the id: of two clients that create a log at once, one finds that of the other.
func (l *Log) openStreams(ctx context.Context) error {
	first, err := l.js.Stream(ctx, l.streamName(0))
	if isMissing(err) {
		first, err = l.createLog(ctx)
	}
	if err != nil {
		return err
	}
	l.id = first.CachedInfo().Config.Metadata[metaLog]
	for p := range l.cfg.Partitions {
		if err := l.openPartition(ctx, p); err != nil {
			return fmt.Errorf("partition %d: %w", p, err)
		}
	}
	return nil
}

// createLog creates the stream of partition 0.
func (l *Log) createLog(ctx context.Context) (jetstream.Stream, error) {
	if l.cfg.ExpectID != "" {
		return nil, fmt.Errorf("%w: the server has no stream %s, but the store knows log %s", ErrNoLog, l.streamName(0),
			l.cfg.ExpectID)
	}
	if l.cfg.Partitions > 1 {
		rest, err := l.js.Stream(ctx, l.streamName(1))
		if err == nil {
			// Another client may just have created both.
			if first, err := l.js.Stream(ctx, l.streamName(0)); !isMissing(err) {
				return first, err
			}
			return nil, fmt.Errorf("%w: stream %s of log %s exists, but %s does not", ErrNoLog, l.streamName(1),
				rest.CachedInfo().Config.Metadata[metaLog], l.streamName(0))
		}
		if !isMissing(err) {
			return nil, err
		}
	}
	l.id = uuid.NewString()
	created, err := l.js.CreateStream(ctx, l.streamConfig(0))
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return l.js.Stream(ctx, l.streamName(0))
	}
	return created, err
}

// Delete deletes the log on the server, whichever it is, with all of its events. It is idempotent.
func Delete(ctx context.Context, cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	l := &Log{cfg: cfg.withDefaults()}
	conn, err := l.connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(requestTimeout))
	if err != nil {
		return err
	}
	ctx, cancel := requests(ctx)
	defer cancel()
	// The first stream makes the log: it goes last.
	for p := l.cfg.Partitions - 1; p >= 0; p-- {
		if err := js.DeleteStream(ctx, l.streamName(p)); err != nil && !isMissing(err) {
			return fmt.Errorf("delete partition %d of the event log: %s", p, l.redact(err))
		}
	}
	return nil
}

// openPartition finds or creates the stream of a partition, and brings its limits up to date.
func (l *Log) openPartition(ctx context.Context, partition int) error {
	want := l.streamConfig(partition)
	s, err := l.js.Stream(ctx, want.Name)
	if isMissing(err) {
		if s, err = l.js.CreateStream(ctx, want); errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			s, err = l.js.Stream(ctx, want.Name)
		}
	}
	if err != nil {
		return err
	}
	have := s.CachedInfo().Config
	switch {
	case have.Metadata[metaLog] != l.id || l.id == "":
		return fmt.Errorf("%w: stream %s belongs to log %q, that of partition 0 to log %q", ErrOtherLog, want.Name,
			have.Metadata[metaLog], l.id)
	case have.Metadata[metaPartitions] != want.Metadata[metaPartitions]:
		return fmt.Errorf("log %s has %s partitions, the configuration %d: the number of a log never changes", l.id,
			have.Metadata[metaPartitions], l.cfg.Partitions)
	case have.Discard != jetstream.DiscardNew || have.Retention != jetstream.LimitsPolicy ||
		have.Storage != jetstream.FileStorage || have.MaxAge != 0 || have.MaxMsgs > 0 ||
		have.PersistMode != jetstream.DefaultPersistMode || have.NoAck || have.Duplicates < DuplicateWindow:
		return fmt.Errorf("stream %s has other settings than Sluice gives it, with which acknowledged events may be lost: "+
			"want retention limits, discard new, file storage, no max_age, no max_msgs, the default persist_mode and "+
			"duplicates of at least %s", want.Name, DuplicateWindow)
	case have.MaxBytes == want.MaxBytes && have.Replicas == want.Replicas:
		return nil
	}
	have.MaxBytes, have.Replicas = want.MaxBytes, want.Replicas
	if _, err := l.js.UpdateStream(ctx, have); err != nil {
		return fmt.Errorf("change limits: %w", err)
	}
	return nil
}

func (l *Log) streamConfig(partition int) jetstream.StreamConfig {
	var first uint64
	if len(l.cfg.FirstSequences) > 0 {
		first = l.cfg.FirstSequences[partition]
	}
	return jetstream.StreamConfig{
		FirstSeq:    first,
		Name:        l.streamName(partition),
		Description: "Events accepted by Sluice and not yet in the warehouse",
		Subjects:    []string{l.subject(partition)},
		Retention:   jetstream.LimitsPolicy,
		Storage:     jetstream.FileStorage,
		Replicas:    l.cfg.Replicas,
		// The log refuses new events instead of deleting acknowledged ones.
		Discard:    jetstream.DiscardNew,
		MaxBytes:   l.cfg.MaxBytes / int64(l.cfg.Partitions),
		Duplicates: DuplicateWindow,
		// Messages end as a prefix only, so that a gap in the sequences is a loss.
		DenyDelete: true,
		Metadata: map[string]string{
			metaLog: l.id, metaPartitions: strconv.Itoa(l.cfg.Partitions),
		},
	}
}
