package eventlog

// MaxPartitions is the most partitions that a log has: a session's id has 8 bits for its
// partition.
const MaxPartitions = 256

// Partition returns the partition of a user, by a keyed hash of site, IP address and user
// agent. The hash depends neither on a salt nor on the day, so that a session that passes
// midnight stays in its partition.
func (l *Log) Partition(hash uint64) int { return int(hash % uint64(l.cfg.Partitions)) }

// streamOf returns the number of the stream that has a partition.
func (l *Log) streamOf(partition int) int { return partition % l.cfg.Streams }

// shared reports whether a stream has several partitions.
func (l *Log) shared() bool { return l.cfg.Streams < l.cfg.Partitions }

// Sharing returns the partitions in the stream of a partition, in their order, with itself.
func (l *Log) Sharing(partition int) []int {
	var all []int
	for p := l.streamOf(partition); p < l.cfg.Partitions; p += l.cfg.Streams {
		all = append(all, p)
	}
	return all
}
