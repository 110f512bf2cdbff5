package eventlog

import (
	"cmp"
	"log/slog"
	"regexp"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/sluicehq/sluice/internal/faults"
)

// Config configures a client of the event log.
type Config struct {
	// URL is the address of NATS, or several separated by commas:
	// nats://TOKEN@127.0.0.1:4222 or tls://user:password@host:4222. Required unless Options
	// connect otherwise, as nats.InProcessServer does.
	URL string
	// Credentials is the path of a NATS credentials file. Optional.
	Credentials string
	// Options are further options of the connection.
	Options []nats.Option

	// Name prefixes streams and subjects, so that several logs share a server. Defaults to
	// "sluice_events".
	Name string
	// ExpectID is the id of the log that the store knows. Open refuses another log and the
	// absence of one. Empty means that any log is taken, or created.
	ExpectID string
	// Partitions is how many partitions a new log has, at most MaxPartitions. An existing log
	// must have as many. Defaults to DefaultPartitions.
	Partitions int
	// Streams is how many streams a new log has, at most Partitions: its partitions share them. An existing
	// log keeps its own. Defaults to one for each partition.
	Streams int
	// FirstSequences are where the partitions of a new log begin, one for each partition, or later: behind those
	// of a lost log, so that no position is used twice. An existing log keeps its own. Defaults to 1 for each.
	FirstSequences []uint64
	// Replicas is how many servers of a cluster store each message. Defaults to 1.
	Replicas int
	// MaxBytes bounds the stored bytes of all partitions together. Defaults to 16 GiB.
	MaxBytes int64

	// MaxPendingBytes bounds the records in memory that wait for their acknowledgement.
	// Defaults to 64 MiB.
	MaxPendingBytes int64
	// AttemptTimeout bounds one attempt of a commit. Defaults to 5 s.
	AttemptTimeout time.Duration
	// Committed, if set, is called with each commit after its end. It must return quickly.
	Committed func(Commit)
	// Logger takes changes of the connection. Defaults to slog.Default().
	Logger *slog.Logger
}

// Commit describes a group commit: one message.
type Commit struct {
	// Stream is the number of its stream, from 0.
	Stream int
	// Calls is how many calls of Append it had, Records and Bytes the size of its message.
	Calls, Records, Bytes int
	// Took is the time from its beginning to the acknowledgement, with all attempts.
	Took time.Duration
	// Err is the error that the calls have returned, or nil.
	Err error
}

const (
	defaultName     = "sluice_events"
	defaultMaxBytes = 16 << 30
	defaultPending  = 64 << 20
	defaultAttempt  = 5 * time.Second
	// minPartitionBytes is the least room of a partition: a few of the largest messages.
	minPartitionBytes = 4 << 20

	// DefaultPartitions is how many partitions a new log has by default. Each is written to the warehouse by
	// itself, at a cost: a large installation sets more of them.
	DefaultPartitions = 4

	// DuplicateWindow is how long the log remembers the ids of messages. The retries of a
	// commit end long before.
	DuplicateWindow = 2 * time.Minute
)

var namePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// withDefaults returns the configuration with the defaults filled in.
func (c Config) withDefaults() Config {
	c.Name = cmp.Or(c.Name, defaultName)
	c.Partitions = cmp.Or(c.Partitions, DefaultPartitions)
	c.Streams = cmp.Or(c.Streams, c.Partitions)
	c.Replicas = cmp.Or(c.Replicas, 1)
	c.MaxBytes = cmp.Or(c.MaxBytes, defaultMaxBytes)
	c.MaxPendingBytes = cmp.Or(c.MaxPendingBytes, defaultPending)
	c.AttemptTimeout = cmp.Or(c.AttemptTimeout, defaultAttempt)
	c.Logger = cmp.Or(c.Logger, slog.Default())
	return c
}

// Validate reports every fault of the configuration.
func (c Config) Validate() error {
	c = c.withDefaults()
	var f faults.Faults
	f.Check(c.URL != "" || len(c.Options) > 0, "event log: no URL: want nats://host:4222")
	f.Check(namePattern.MatchString(c.Name), "event log: name %q: want letters, digits, _ and -", c.Name)
	f.Check(c.Partitions >= 1 && c.Partitions <= MaxPartitions,
		"event log: %d partitions: want 1 to %d", c.Partitions, MaxPartitions)
	f.Check(c.Streams >= 1 && c.Streams <= c.Partitions, "event log: %d streams for %d partitions: want 1 to %d",
		c.Streams, c.Partitions, c.Partitions)
	f.Check(len(c.FirstSequences) == 0 || len(c.FirstSequences) == c.Partitions,
		"event log: %d first sequences for %d partitions: want one for each", len(c.FirstSequences), c.Partitions)
	f.Check(c.Replicas >= 1 && c.Replicas <= 5, "event log: %d replicas: want 1 to 5", c.Replicas)
	f.Check(c.MaxBytes >= int64(c.Partitions)*minPartitionBytes,
		"event log: %d bytes for %d partitions: want at least %d", c.MaxBytes, c.Partitions,
		int64(c.Partitions)*minPartitionBytes)
	f.Check(c.MaxPendingBytes >= 1<<20, "event log: %d pending bytes: want at least %d", c.MaxPendingBytes, 1<<20)
	f.Check(c.AttemptTimeout > 0, "event log: attempt timeout %s: want more than 0", c.AttemptTimeout)
	return f.Err()
}
