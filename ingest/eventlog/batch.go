package eventlog

import (
	"slices"

	"github.com/sluicehq/sluice/ingest/eventlog/pack"
	"github.com/sluicehq/sluice/ingest/eventlog/record"
)

// Batch is what one call stores in a partition.
type Batch struct {
	// Records are stored as they are, in their order.
	Records [][]byte
	// Counters are added to those of the other calls for the partition that share the message, which has one
	// counter for the same labels: dropped events that arrive together take one record.
	Counters []record.Counter
}

const (
	// minRecordSize is the size that a record counts for at least: with it, the limit of bytes also
	// keeps the limit of records.
	minRecordSize = pack.MaxBytes / pack.MaxRecords
	// counterSize is the most that a counter takes in a message without its texts.
	counterSize = 64
)

// size is the most that the batch takes in a message.
func (b Batch) size() (n int) {
	for _, r := range b.Records {
		n += sizeOfRecord(r)
	}
	for i := range b.Counters {
		n += sizeOfCounter(&b.Counters[i])
	}
	return n
}

func sizeOfRecord(r []byte) int { return max(pack.Size(r)+pack.PartitionBytes, minRecordSize) }

func sizeOfCounter(c *record.Counter) int { return counterSize + len(c.Domain) + len(c.Metric) }

// Split returns the parts of the batch in their order, each of which fits a message. Most batches have
// one. A record that fits no message has a part of its own, which AppendBatch refuses.
func (b Batch) Split() []Batch {
	if b.size() <= pack.MaxRecordBytes {
		return []Batch{b}
	}
	var parts []Batch
	room := 0
	part := func(size int) *Batch {
		if room -= size; room < 0 {
			parts, room = append(parts, Batch{}), pack.MaxRecordBytes-size
		}
		return &parts[len(parts)-1]
	}
	for _, r := range b.Records {
		to := part(sizeOfRecord(r))
		to.Records = append(to.Records, r)
	}
	for i := range b.Counters {
		to := part(sizeOfCounter(&b.Counters[i]))
		to.Counters = append(to.Counters, b.Counters[i])
	}
	return parts
}

// partitionCounters are the counters of a partition in a message.
type partitionCounters struct {
	partition int
	sums      record.Tally
}

// countersOf returns the counters of several calls, by partition.
func countersOf(calls []*appendCall) []partitionCounters {
	var all []partitionCounters
	for _, call := range calls {
		if len(call.batch.Counters) == 0 {
			continue
		}
		at := slices.IndexFunc(all, func(p partitionCounters) bool { return p.partition == call.partition })
		if at < 0 {
			at = len(all)
			all = append(all, partitionCounters{partition: call.partition})
		}
		for _, c := range call.batch.Counters {
			all[at].sums.Add(c)
		}
	}
	return all
}
