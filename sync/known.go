package sync

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// Known is a set of records by their keys, each with its ref: the records of a list that were delivered
// or found by a scan.
type Known map[string]json.RawMessage

// MaxKnown bounds a set in bytes: about 10 million records.
const MaxKnown = 1 << 30

// Encode returns the set as one compressed blob. Equal sets give equal blobs.
func (k Known) Encode() ([]byte, error) {
	blob, err := Compress(func(w io.Writer) error {
		var line []byte
		for _, key := range slices.Sorted(maps.Keys(k)) {
			if strings.ContainsAny(key, "\t\n") || bytes.ContainsRune(k[key], '\n') {
				return errors.New("a key or ref has a line break or a tab")
			}
			line = append(append(append(append(line[:0], key...), '\t'), k[key]...), '\n')
			if _, err := w.Write(line); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("encode known records: %w", err)
	}
	return blob, nil
}

// DecodeKnown decodes a blob of Encode. An empty blob is an empty set.
func DecodeKnown(blob []byte) (Known, error) {
	known := Known{}
	return known, EachKnown(blob, func(key, ref []byte) { known[string(key)] = slices.Clone(ref) })
}

// EachKnown calls fn with the records of a blob of Known.Encode, in order of their keys. fn must not keep what it is
// given.
func EachKnown(blob []byte, fn func(key, ref []byte)) error {
	if len(blob) == 0 {
		return nil
	}
	r, err := gzip.NewReader(bytes.NewReader(blob))
	if err != nil {
		return fmt.Errorf("decode known records: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(r, MaxKnown+1))
	switch {
	case err != nil:
		return fmt.Errorf("decode known records: %w", err)
	case len(text) > MaxKnown:
		return fmt.Errorf("decode known records: they have more than %d bytes", MaxKnown)
	}
	line := 0
	for text := range bytes.Lines(text) {
		line++
		key, ref, ok := bytes.Cut(bytes.TrimSuffix(text, []byte("\n")), []byte("\t"))
		if !ok || len(key) == 0 || len(ref) > 0 && !json.Valid(ref) {
			return fmt.Errorf("decode known records: line %d is not valid: want a key, a tab and a JSON object", line)
		}
		fn(key, ref)
	}
	return nil
}

// Merge adds records.
func (k Known) Merge(records []Record) {
	for _, r := range records {
		k[r.Key] = r.Ref
	}
}

// Comparison is the result of a scan.
type Comparison struct {
	// Deleted are records that are missing for the second time in a row, in order of their keys.
	Deleted []string
	// Missing are records that are missing for the first time.
	Missing Known
	// Known are all records that the next scan compares with: those that exist, and Missing. It has
	// Deleted, too, until the caller has delivered their deletion.
	Known Known
	// Exceeded means that more records are missing than allowed: nothing is deleted, and the caller keeps
	// what it had. It may be the scan that is wrong.
	Exceeded bool
	// Count is the number of records that are missing.
	Count int
}

// Compare compares the records that a scan has found with those that were known before it began, and
// those that were missing at the scan before. maxMissing is the percentage of the known records that
// may be missing. One missing record is always allowed.
func Compare(known, missing, found Known, maxMissing int) Comparison {
	c := Comparison{Missing: Known{}, Known: maps.Clone(found)}
	for _, key := range slices.Sorted(maps.Keys(known)) {
		if _, exists := found[key]; exists {
			continue
		}
		c.Count++
		c.Known[key] = known[key]
		if _, before := missing[key]; before {
			c.Deleted = append(c.Deleted, key)
		} else {
			c.Missing[key] = known[key]
		}
	}
	if c.Count > 1 && c.Count*100 > len(known)*maxMissing {
		return Comparison{Exceeded: true, Count: c.Count}
	}
	return c
}
