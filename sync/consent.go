package sync

import (
	"encoding/json"
	"fmt"
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

// OptOuts is the set of records that a target holds as opted out, because they were delivered so. It is not
// safe for concurrent use.
type OptOuts map[string]struct{}

// ConsentChange is what delivered records change.
type ConsentChange struct {
	// Set are the records that were added to the set (true) or left it (false).
	Set map[string]bool
	// Held are records that were delivered as opted in and are held as opted out, Freed those that are not, or
	// not any more.
	Held, Freed []string
}

// Add adds the consent of a delivered record.
func (o OptOuts) Add(change *ConsentChange, key string, c Consent) {
	_, out := o[key]
	switch {
	case c == ConsentIn && out:
		change.Held = append(change.Held, key)
		return
	case c == ConsentOut && !out:
		o[key] = struct{}{}
		change.set(key, true)
	case c == ConsentForced && out:
		delete(o, key)
		change.set(key, false)
	}
	change.Freed = append(change.Freed, key)
}

func (c *ConsentChange) set(key string, out bool) {
	if c.Set == nil {
		c.Set = map[string]bool{}
	}
	c.Set[key] = out
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

// Encode returns the set as a compressed blob.
func (o OptOuts) Encode() ([]byte, error) {
	known := make(Known, len(o))
	for key := range o {
		known[key] = nil
	}
	return known.Encode()
}

// DecodeOptOuts decodes a blob of OptOuts.Encode, and applies blobs of ConsentChange.Encode to it, in order. An
// empty blob is an empty set.
func DecodeOptOuts(set []byte, changes ...[]byte) (OptOuts, error) {
	known, err := DecodeKnown(set)
	if err != nil {
		return nil, err
	}
	all := make(OptOuts, len(known))
	for key := range known {
		all[key] = struct{}{}
	}
	for _, blob := range changes {
		change, err := DecodeKnown(blob)
		if err != nil {
			return nil, err
		}
		for key, out := range change {
			if string(out) == "false" {
				delete(all, key)
				continue
			}
			all[key] = struct{}{}
		}
	}
	return all, nil
}
