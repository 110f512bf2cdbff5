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
)

// Known is a set of records by their keys, each with its ref: records of a list that were delivered or found by a
// scan. It is for the records of a few pages; what a scan knows of a list is a sequence of such sets.
type Known map[string]json.RawMessage

// Encode returns the set as one compressed blob: a line for each record, in order of the keys, with the key, a tab and
// the ref. Equal sets give equal blobs.
func (k Known) Encode() ([]byte, error) {
	blob, err := Compress(func(w io.Writer) error {
		var line []byte
		for _, key := range slices.Sorted(maps.Keys(k)) {
			if strings.ContainsAny(key, "\t\n") || bytes.ContainsRune(k[key], '\n') {
				return errors.New("a key or ref has a line break or a tab")
			}
			line = append(append(append(append(line[:0], key...), '\t'), k[key]...), '\n')
			if len(line) > MaxLine {
				return fmt.Errorf("a key with its ref has %d bytes: want at most %d", len(line), MaxLine)
			}
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

// EachKnown calls fn with the records of a blob of Known.Encode, in order of their keys, as a stream: after an error
// some were not read. fn must not keep what it is given.
func EachKnown(blob []byte, fn func(key, ref []byte)) error {
	if len(blob) == 0 {
		return nil
	}
	err := EachLine(blob, func(n int, line []byte) error {
		key, ref, ok := bytes.Cut(line, []byte("\t"))
		if !ok || len(key) == 0 || len(ref) > 0 && !json.Valid(ref) {
			return fmt.Errorf("line %d is not valid: want a key, a tab and a JSON object", n)
		}
		fn(key, ref)
		return nil
	})
	if err != nil {
		return fmt.Errorf("decode known records: %w", err)
	}
	return nil
}

// Merge adds records.
func (k Known) Merge(records []Record) {
	for _, r := range records {
		k[r.Key] = r.Ref
	}
}
