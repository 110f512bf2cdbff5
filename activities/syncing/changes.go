package syncing

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/sluicehq/sluice/sync"
)

// Outcomes of changes in the history.
const (
	outcomeDelivered = "delivered"
	outcomeRejected  = "rejected"
	outcomeDeleted   = "deleted"
)

// change is what became of a record, in the history that goes to the warehouse.
type change struct {
	Key     string       `json:"k"`
	Outcome string       `json:"o"`
	Consent sync.Consent `json:"c,omitempty"`
	Stage   sync.Stage   `json:"s,omitempty"`
	Reason  string       `json:"r,omitempty"`
}

// changesOf returns the changes of delivered and rejected records, in order of their keys, as a compressed blob;
// nil for none.
func changesOf(outcome string, delivered map[string]sync.Consent, rejected []sync.Reject) ([]byte, error) {
	all := make([]change, 0, len(delivered)+len(rejected))
	for _, key := range slices.Sorted(maps.Keys(delivered)) {
		all = append(all, change{Key: key, Outcome: outcome, Consent: delivered[key]})
	}
	for _, r := range rejected {
		all = append(all, change{Key: r.Key, Outcome: outcomeRejected, Stage: r.Stage, Reason: r.Reason})
	}
	if len(all) == 0 {
		return nil, nil
	}
	blob, err := sync.Compress(func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		for _, c := range all {
			if err := encoder.Encode(c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("encode changes: %w", err)
	}
	return blob, nil
}

// eachChange calls fn with the changes of a blob of changesOf.
func eachChange(blob []byte, fn func(change) error) error {
	err := sync.EachLine(blob, func(n int, line []byte) error {
		var c change
		if err := json.Unmarshal(line, &c); err != nil {
			return fmt.Errorf("change %d is not valid: %w", n, err)
		}
		return fn(c)
	})
	if err != nil {
		return fmt.Errorf("decode changes: %w", err)
	}
	return nil
}
