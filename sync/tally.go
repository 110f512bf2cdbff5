package sync

import (
	"errors"
	"hash/maphash"
	"slices"
)

// Tally counts records by status, each once, with the status that it was added with last. It counts them in several
// passes over the same records, so that it takes no more than 4 MiB however many there are. It distinguishes records by
// hashes of 56 bits: two of a million records are taken for one with a probability below 1 to 100,000.
type Tally struct {
	seed   maphash.Seed
	passes uint64
	// slots is an open hash table of the records of a pass: the upper 56 bits are the hash, the lower 8 bits are the
	// index of the status from 1, and 0 in an empty slot.
	slots []uint64
	used  int
	names []string
}

const (
	// maxSlots is the largest table, of 4 MiB.
	maxSlots = 1 << 19
	minSlots = 1 << 8
	// maxStatuses is the number of statuses that are distinguished, and the lower 8 bits of a slot. No source has
	// nearly as many.
	maxStatuses = 0xff
)

// NewTally returns a tally of at most n different records.
func NewTally(n int64) *Tally {
	size := minSlots
	for size < maxSlots && int64(size)*3/4 < n {
		size *= 2
	}
	// The passes have about as many records each, the largest one hardly more.
	return &Tally{
		seed: maphash.MakeSeed(), slots: make([]uint64, size), passes: 1 + uint64(max(n-1, 0))/uint64(size*3/4),
	}
}

// errTally means that there are more records than were announced.
var errTally = errors.New("count records by status: there are more records than were announced")

// Count returns the number of records by status. each calls add with all records; it is called several times, and
// calls it with the same records in the same order each time. Records with the status "" are not counted.
func (t *Tally) Count(each func(add func(key []byte, status string)) error) (StatusCounts, error) {
	counts := StatusCounts{}
	for pass := range t.passes {
		clear(t.slots)
		t.used = 0
		if err := each(func(key []byte, status string) {
			// The upper bits are the place in the table, so that lower ones choose the pass.
			if h := maphash.Bytes(t.seed, key); h>>8&0xffffff%t.passes == pass {
				t.add(h, status)
			}
		}); err != nil {
			return nil, err
		}
		if t.used >= len(t.slots) {
			return nil, errTally
		}
		for _, slot := range t.slots {
			if n := slot & maxStatuses; n > 0 && t.names[n-1] != "" {
				counts[t.names[n-1]]++
			}
		}
	}
	return counts, nil
}

// add adds a record of the pass. A table that is full keeps what it has.
func (t *Tally) add(hash uint64, status string) {
	n := slices.Index(t.names, status)
	switch {
	case n >= 0:
	case len(t.names) < maxStatuses:
		n, t.names = len(t.names), append(t.names, status)
	default:
		n = maxStatuses - 1
	}
	entry := hash&^maxStatuses | uint64(n+1)
	at := int(hash >> 32 * uint64(len(t.slots)) >> 32)
	for range t.slots {
		switch slot := t.slots[at]; {
		case slot == 0:
			t.used++
			if t.used < len(t.slots) {
				t.slots[at] = entry
			}
			return
		case slot&^maxStatuses == entry&^maxStatuses:
			t.slots[at] = entry
			return
		}
		at = (at + 1) % len(t.slots)
	}
}
