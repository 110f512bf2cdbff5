package sync

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// Consent is what a mapped record says about the consent of a person to marketing.
type Consent string

// The consents of records.
const (
	// ConsentNone means that the record says nothing.
	ConsentNone Consent = ""
	// ConsentIn opts in, ConsentOut opts out.
	ConsentIn  Consent = "in"
	ConsentOut Consent = "out"
	// ConsentForced opts in and replaces an opt-out.
	ConsentForced Consent = "forced"
)

// Holder is the ability of a writer whose target keeps an opt-out against later opt-ins: a person who
// subscribes again stays opted out there.
type Holder interface {
	// Consent returns what a mapped record says.
	Consent(record json.RawMessage) Consent
	// OptOut returns a mapped record that opts out since a time, and says otherwise the same.
	OptOut(record json.RawMessage, at time.Time) (json.RawMessage, error)
}

// optedOut returns the mapped record of a deletion: whatever the mapping makes of it, it opts out.
func optedOut(w Writer, record json.RawMessage, at time.Time) (json.RawMessage, error) {
	holder, ok := w.(Holder)
	if !ok || holder.Consent(record) == ConsentOut {
		return record, nil
	}
	return holder.OptOut(record, at)
}

// consentOf returns the consent of a mapped record, if the writer's target holds opt-outs.
func consentOf(w Writer, record json.RawMessage) Consent {
	if holder, ok := w.(Holder); ok {
		return holder.Consent(record)
	}
	return ConsentNone
}

// OptOuts is the set of records that a target holds as opted out, because they were delivered so. It takes 17 bytes
// for each. It is not safe for concurrent use.
type OptOuts struct {
	set ids
	// changed has what was added to the set since it was decoded (true), or left it (false).
	changed map[id]bool
}

// ConsentChange is what delivered records change.
type ConsentChange struct {
	// Set are the records that were added to the set (true) or left it (false).
	Set map[string]bool
	// Held are records that were delivered as opted in and are held as opted out, Freed those that are not, or
	// not any more.
	Held, Freed []string
}

// Has reports whether the set has a record.
func (o *OptOuts) Has(key string) bool {
	if out, changed := o.changed[idOf([]byte(key))]; changed {
		return out
	}
	return o.set.has([]byte(key))
}

// Add adds the consent of a delivered record.
func (o *OptOuts) Add(change *ConsentChange, key string, c Consent) {
	out := o.Has(key)
	switch {
	case c == ConsentIn && out:
		change.Held = append(change.Held, key)
		return
	case c == ConsentOut && !out, c == ConsentForced && out:
		o.put(key, !out)
		if change.Set == nil {
			change.Set = map[string]bool{}
		}
		change.Set[key] = !out
	}
	change.Freed = append(change.Freed, key)
}

func (o *OptOuts) put(key string, out bool) {
	if o.changed == nil {
		o.changed = map[id]bool{}
	}
	o.changed[idOf([]byte(key))] = out
}

// Encode returns the changes of the set as a compressed blob, nil if there is none.
func (c ConsentChange) Encode() ([]byte, error) {
	if len(c.Set) == 0 {
		return nil, nil
	}
	known := Known{}
	for key, out := range c.Set {
		known[key] = json.RawMessage(fmt.Sprint(out))
	}
	return known.Encode()
}

// DecodeOptOuts decodes a blob of MergeOptOuts, and applies blobs of ConsentChange.Encode to it, in order. An empty
// blob is an empty set.
func DecodeOptOuts(set []byte, changes ...[]byte) (*OptOuts, error) {
	all := &OptOuts{}
	err := EachKnown(set, func(key, _ []byte) { all.set.add(key) })
	all.set.seal()
	if err != nil {
		return nil, err
	}
	for _, blob := range changes {
		if err := EachKnown(blob, func(key, out []byte) { all.put(string(key), string(out) != leftOut) }); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// leftOut is the ref of a record that has left the set, in a blob of ConsentChange.Encode.
const leftOut = "false"

// MergeOptOuts returns the set of a blob, with changes applied to it in order, as a compressed blob: see
// DecodeOptOuts. It holds the changes in memory, and the set as blobs only.
func MergeOptOuts(set []byte, changes ...[]byte) ([]byte, error) {
	changed := map[string]bool{}
	for _, blob := range changes {
		if err := EachKnown(blob, func(key, out []byte) { changed[string(key)] = string(out) != leftOut }); err != nil {
			return nil, err
		}
	}
	merged, err := Compress(func(w io.Writer) error {
		var fault error
		write := func(key []byte) {
			if fault == nil {
				_, fault = w.Write(append(key, "\t\n"...))
			}
		}
		if err := EachKnown(set, func(key, _ []byte) {
			if _, is := changed[string(key)]; !is {
				write(slices.Clone(key))
			}
		}); err != nil {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(changed)) {
			if changed[key] {
				write([]byte(key))
			}
		}
		return fault
	})
	if err != nil {
		return nil, fmt.Errorf("merge opt-outs: %w", err)
	}
	return merged, nil
}
