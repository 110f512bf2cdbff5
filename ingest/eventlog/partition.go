package eventlog

import (
	"encoding/hex"
	"errors"
	"fmt"
)

// MaxPartitions is the most partitions that a log has: a session's id has 8 bits for its
// partition.
const MaxPartitions = 256

// Key is the secret key of the hash that assigns users to partitions. It stays the same for
// the life of a log: another key sends users to other partitions, and splits the sessions that
// are open.
type Key [16]byte

// ParseKey parses a key of 32 hexadecimal digits.
func ParseKey(text string) (Key, error) {
	var key Key
	if len(text) != hex.EncodedLen(len(key)) {
		return Key{}, fmt.Errorf("partition key of %d characters: want 32 hexadecimal digits", len(text))
	}
	// An error of hex would quote a part of the key.
	if _, err := hex.Decode(key[:], []byte(text)); err != nil {
		return Key{}, fmt.Errorf("partition key of %d characters: want 32 hexadecimal digits", len(text))
	}
	if key == (Key{}) {
		return Key{}, errors.New("partition key is zero: want 32 random hexadecimal digits")
	}
	return key, nil
}

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
