// Package pack defines the messages of the event log: records that were committed together.
//
// A message is the magic number "SLP", the version of the format (1 byte), the CRC-32C of all
// that follows (4 bytes, little-endian), and the records, each behind its length (varint). The
// index of a record is its place in the message, from 0.
//
// The records of a message of version 1 are all of the partition whose stream has the message. In
// version 2, for a stream of several partitions, the number of its partition (varint) is before the
// length of each record.
package pack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
)

const (
	magic = "SLP"

	// Version is that of a message of one partition.
	Version = 1
	// VersionShared is that of a message of several partitions.
	VersionShared = 2

	headerBytes = len(magic) + 1 + crc32.Size

	// MaxBytes is the most that a message has. NATS refuses messages above 1 MiB by default,
	// with headers.
	MaxBytes = 768 << 10
	// MaxRecords is the most records in a message: the index of a record has 16 bits.
	MaxRecords = 1 << 16
	// PartitionBytes is the most that the number of a record's partition takes in a message of
	// several: a log has at most 256.
	PartitionBytes = 2
)

// Faults of a message.
var (
	// ErrCorrupt means that the message is not what a Packer has made.
	ErrCorrupt = errors.New("corrupt message")
	// ErrVersion means that a newer program has written the message.
	ErrVersion = errors.New("unknown version of the message format")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Size returns the bytes that a record takes in a message, without its partition.
func Size(record []byte) int { return uvarintLen(uint64(len(record))) + len(record) }

// MaxRecordBytes is the longest record that fits a message.
const MaxRecordBytes = MaxBytes - headerBytes - binary.MaxVarintLen32

// Packer builds a message. Its zero value is ready to use.
type Packer struct {
	// Shared makes messages of several partitions.
	Shared bool

	data    []byte
	records int
}

// Reset empties the message and keeps its memory.
func (p *Packer) Reset() { p.data, p.records = p.data[:0], 0 }

// Len returns the number of records.
func (p *Packer) Len() int { return p.records }

// Fits reports whether records of n bytes by Size, count in number, fit the message.
func (p *Packer) Fits(n, count int) bool {
	if p.Shared {
		n += count * PartitionBytes
	}
	return max(len(p.data), headerBytes)+n <= MaxBytes && p.records+count <= MaxRecords
}

// Add adds a record of a partition, which is copied, and returns its index. The record must fit. A
// message of one partition does not name it.
func (p *Packer) Add(partition int, record []byte) uint32 {
	if len(p.data) == 0 {
		version := byte(Version)
		if p.Shared {
			version = VersionShared
		}
		p.data = append(append(p.data, magic...), version)
		p.data = append(p.data, make([]byte, crc32.Size)...)
	}
	if p.Shared {
		p.data = binary.AppendUvarint(p.data, uint64(partition))
	}
	p.data = append(binary.AppendUvarint(p.data, uint64(len(record))), record...)
	p.records++
	return uint32(p.records - 1)
}

// Bytes returns the message, valid until the next call of Reset or Add. A message has at least
// one record.
func (p *Packer) Bytes() []byte {
	binary.LittleEndian.PutUint32(p.data[len(magic)+1:], crc32.Checksum(p.data[headerBytes:], castagnoli))
	return p.data
}

// Record is a record of a message.
type Record struct {
	// Index is its place in the message.
	Index uint32
	// Data is a part of the message.
	Data []byte
}

// Split returns the records of a partition in their order. The partition is one that the stream of the
// message has; it may have no record in a message of several.
func Split(message []byte, partition int) ([]Record, error) {
	if len(message) < headerBytes || string(message[:len(magic)]) != magic {
		return nil, fmt.Errorf("%w of %d bytes: want %q first", ErrCorrupt, len(message), magic)
	}
	version := message[len(magic)]
	if version != Version && version != VersionShared {
		return nil, fmt.Errorf("%w: %d, want %d or %d", ErrVersion, version, Version, VersionShared)
	}
	body := message[headerBytes:]
	want := binary.LittleEndian.Uint32(message[len(magic)+1:])
	if sum := crc32.Checksum(body, castagnoli); sum != want {
		return nil, fmt.Errorf("%w: checksum %08x, want %08x", ErrCorrupt, sum, want)
	}
	var records []Record
	index := 0
	for ; len(body) > 0; index++ {
		of := uint64(partition)
		if version == VersionShared {
			var n int
			if of, n = binary.Uvarint(body); n <= 0 {
				return nil, fmt.Errorf("%w: record %d has no partition", ErrCorrupt, index)
			}
			body = body[n:]
		}
		length, n := binary.Uvarint(body)
		if n <= 0 || length > uint64(len(body)-n) || index == MaxRecords {
			return nil, fmt.Errorf("%w: record %d does not end within the message", ErrCorrupt, index)
		}
		if of == uint64(partition) {
			records = append(records, Record{Index: uint32(index), Data: slices.Clip(body[n : n+int(length)])})
		}
		body = body[n+int(length):]
	}
	if index == 0 {
		return nil, fmt.Errorf("%w: no records", ErrCorrupt)
	}
	return records, nil
}

func uvarintLen(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}
