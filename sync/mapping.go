package sync

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"

	"github.com/sluicehq/sluice/destinations/flow"
	"github.com/sluicehq/sluice/internal/inbound"
	"github.com/sluicehq/sluice/internal/outbound"
)

// Rules check a mapped record before it is written, such as opt-in rules. data is the record of the
// source. The error is the reason of a rejection and quotes nothing of the record.
type Rules func(data, mapped json.RawMessage) error

// Mapping maps records of a reader to those of a writer, in the expression language of flows: data is
// the record, context has the settings that the mapping may use.
type Mapping struct {
	compiled *flow.Mapping
	context  map[string]any
	rules    []Rules
}

// NewMapping compiles a mapping. The error reports every fault.
func NewMapping(fields map[string]any, rules ...Rules) (*Mapping, error) {
	compiled, err := flow.CompileMapping(fields)
	if err != nil {
		return nil, err
	}
	return &Mapping{compiled: compiled, context: map[string]any{}, rules: rules}, nil
}

// With returns the mapping with values that expressions see as context.
func (m *Mapping) With(context map[string]any) *Mapping {
	with := *m
	with.context = context
	return &with
}

// Map maps a record. The error is the reason of a rejection: it quotes nothing of the record.
func (m *Mapping) Map(data json.RawMessage) (json.RawMessage, error) {
	if m.compiled == nil {
		return data, object(data)
	}
	mapped, err := m.compiled.Apply(data, m.context)
	if err != nil {
		return nil, err
	}
	faults := make([]error, len(m.rules))
	for i, rule := range m.rules {
		faults[i] = rule(data, mapped)
	}
	return mapped, errors.Join(faults...)
}

// reason makes an error fit for a row of a rejection.
func reason(text string) string { return inbound.Cut(outbound.Clean(text), MaxReason) }

// fingerprint shortens a text irreversibly.
func fingerprint(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}
