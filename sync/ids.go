package sync

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
)

// id is a key in 16 bytes: what the 32 hexadecimal digits of an MD5 say, which is the key of a member of Mailchimp,
// or the first half of the SHA-256 of any other key. Different keys have different ids, but for collisions of SHA-256.
type id [16]byte

func idOf(key []byte) id {
	var i id
	if len(key) == hex.EncodedLen(len(i)) && !bytes.ContainsAny(key, "ABCDEF") {
		if _, err := hex.Decode(i[:], key); err == nil {
			return i
		}
	}
	sum := sha256.Sum256(key)
	return id(sum[:len(i)])
}

// bucket is a hash of 8 bits.
func (i id) bucket() int {
	return int((binary.LittleEndian.Uint64(i[:]) ^ binary.LittleEndian.Uint64(i[8:])) * 0x9e3779b97f4a7c15 >> 56)
}

// ids is a set of keys that takes 17 bytes for each, and up to a quarter more while keys are added. First keys are
// added, then the set is sealed, then keys are looked up. It is not safe for concurrent use.
type ids struct {
	// buckets have the ids by a hash of them, so that no large slice is copied when it grows, whatever keys have in
	// common.
	buckets [256]bucket
}

type bucket struct {
	ids []id
	// marks has the mark of each id. It is empty until the set is sealed.
	marks []mark
}

// mark says what is known about a key of a set.
type mark uint8

// The marks of a scan.
const (
	// markAbsent is the mark of a key that was not found.
	markAbsent mark = iota
	// markFound is that of a record that was found, and kept.
	markFound
	// markCarried is that of a record that exists and cannot be read: what was known about it stays.
	markCarried
)

// add adds a key.
func (s *ids) add(key []byte) {
	i := idOf(key)
	b := &s.buckets[i.bucket()]
	if len(b.ids) == cap(b.ids) {
		// Many keys are added more than once.
		b.sort()
		if n := len(b.ids); n > cap(b.ids)*3/4 {
			b.ids = append(make([]id, 0, n+n/4+8), b.ids...)
		}
	}
	b.ids = append(b.ids, i)
}

// seal ends the additions.
func (s *ids) seal() {
	for n := range s.buckets {
		b := &s.buckets[n]
		b.sort()
		b.marks = make([]mark, len(b.ids))
	}
}

func (b *bucket) sort() {
	slices.SortFunc(b.ids, compareIDs)
	b.ids = slices.Compact(b.ids)
}

func compareIDs(a, b id) int { return bytes.Compare(a[:], b[:]) }

// at returns the mark of a key, nil if the set does not have it, and the bucket.
func (s *ids) at(key []byte) (m *mark, bucket int) {
	i := idOf(key)
	bucket = i.bucket()
	b := &s.buckets[bucket]
	n, ok := slices.BinarySearchFunc(b.ids, i, compareIDs)
	if !ok {
		return nil, bucket
	}
	return &b.marks[n], bucket
}

// has reports whether the set has a key.
func (s *ids) has(key []byte) bool {
	m, _ := s.at(key)
	return m != nil
}

// size is the number of keys.
func (s *ids) size() (n int) {
	for i := range s.buckets {
		n += len(s.buckets[i].ids)
	}
	return n
}

// count is the number of keys with a mark.
func (s *ids) count(m mark) (n int) {
	for i := range s.buckets {
		n += s.buckets[i].count(m)
	}
	return n
}

func (b *bucket) count(m mark) (n int) {
	for _, has := range b.marks {
		if has == m {
			n++
		}
	}
	return n
}
