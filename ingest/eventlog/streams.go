package eventlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
)

// Metadata of the streams. A log with a stream for each partition has metaPartitions, another one metaShared and
// metaStreams: a program that knows no shared streams refuses it.
const (
	metaLog        = "sluice.log"
	metaPartitions = "sluice.partitions"
	metaShared     = "sluice.shared_partitions"
	metaStreams    = "sluice.streams"
)

func (l *Log) streamName(stream int) string { return fmt.Sprintf("%s_%03d", l.cfg.Name, stream) }

func (l *Log) subject(stream int) string { return fmt.Sprintf("%s.%d", l.cfg.Name, stream) }

// openStreams finds or creates the streams. The first stream is created first and decides the id and the
// number of streams: of two clients that create a log at once, one finds that of the other.
func (l *Log) openStreams(ctx context.Context) error {
	first, err := l.js.Stream(ctx, l.streamName(0))
	if isMissing(err) {
		first, err = l.createLog(ctx)
	}
	if err != nil {
		return err
	}
	meta := first.CachedInfo().Config.Metadata
	l.id = meta[metaLog]
	if have := cmp.Or(meta[metaPartitions], meta[metaShared]); l.id != "" && have != strconv.Itoa(l.cfg.Partitions) {
		return fmt.Errorf("log %s has %s partitions, the configuration %d: the number of a log never changes", l.id, have,
			l.cfg.Partitions)
	}
	if l.cfg.Streams, err = streamsOf(meta, l.cfg.Partitions); err != nil {
		return fmt.Errorf("stream %s: %w", l.streamName(0), err)
	}
	for s := range l.cfg.Streams {
		if err := l.openStream(ctx, s); err != nil {
			return fmt.Errorf("stream %d: %w", s, err)
		}
	}
	return nil
}

// streamsOf returns the number of streams of a log of so many partitions.
func streamsOf(meta map[string]string, partitions int) (int, error) {
	text, ok := meta[metaStreams]
	if !ok {
		return partitions, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n >= partitions {
		return 0, fmt.Errorf("its %s is %.10q: want 1 to %d", metaStreams, text, partitions-1)
	}
	return n, nil
}

// createLog creates the first stream.
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
	// The first stream makes the log: it goes last. A log has at most as many streams as partitions.
	for p := l.cfg.Partitions - 1; p >= 0; p-- {
		if err := js.DeleteStream(ctx, l.streamName(p)); err != nil && !isMissing(err) {
			return fmt.Errorf("delete stream %d of the event log: %s", p, l.redact(err))
		}
	}
	return nil
}

// openStream finds or creates a stream, and brings its limits up to date.
func (l *Log) openStream(ctx context.Context, stream int) error {
	want := l.streamConfig(stream)
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
		return fmt.Errorf("%w: stream %s belongs to log %q, the first one to log %q", ErrOtherLog, want.Name,
			have.Metadata[metaLog], l.id)
	case !maps.Equal(sluice(have.Metadata), sluice(want.Metadata)):
		return fmt.Errorf("stream %s of log %s has the metadata %v: want %v", want.Name, l.id, sluice(have.Metadata),
			sluice(want.Metadata))
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

// sluice returns the entries of metadata that are Sluice's: the server adds its own.
func sluice(metadata map[string]string) map[string]string {
	ours := map[string]string{}
	for _, name := range []string{metaLog, metaPartitions, metaShared, metaStreams} {
		if value, ok := metadata[name]; ok {
			ours[name] = value
		}
	}
	return ours
}

func (l *Log) streamConfig(stream int) jetstream.StreamConfig {
	var first uint64
	if len(l.cfg.FirstSequences) > 0 {
		for _, p := range l.Sharing(stream) {
			first = max(first, l.cfg.FirstSequences[p])
		}
	}
	metadata := map[string]string{metaLog: l.id, metaPartitions: strconv.Itoa(l.cfg.Partitions)}
	if l.shared() {
		metadata = map[string]string{
			metaLog: l.id, metaShared: strconv.Itoa(l.cfg.Partitions), metaStreams: strconv.Itoa(l.cfg.Streams),
		}
	}
	return jetstream.StreamConfig{
		FirstSeq:    first,
		Name:        l.streamName(stream),
		Description: "Events accepted by Sluice and not yet in the warehouse",
		Subjects:    []string{l.subject(stream)},
		Retention:   jetstream.LimitsPolicy,
		Storage:     jetstream.FileStorage,
		Replicas:    l.cfg.Replicas,
		// The log refuses new events instead of deleting acknowledged ones.
		Discard:    jetstream.DiscardNew,
		MaxBytes:   l.cfg.MaxBytes / int64(l.cfg.Streams),
		Duplicates: DuplicateWindow,
		// Messages end as a prefix only, so that a gap in the sequences is a loss.
		DenyDelete: true,
		Metadata:   metadata,
	}
}
