package store

import (
	"bytes"
	"encoding/json"

	"github.com/sluicehq/sluice/internal/inbound"
	"github.com/sluicehq/sluice/internal/redact"
)

// MaxAuditDocument bounds what an entry of the audit says about the subject before and after the change, in bytes of
// JSON each. A larger one is replaced by {"omitted_bytes": SIZE}.
const MaxAuditDocument = 32 << 10

// auditDocument returns a value as JSON without secrets, nil for nil. Callers leave secrets out; redact is the second
// guard.
func auditDocument(value any) (json.RawMessage, error) {
	if value == nil {
		return nil, nil
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	if size := len(encoded); size > MaxAuditDocument {
		return json.Marshal(map[string]int{"omitted_bytes": size})
	}
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	var document any
	if err := decoder.Decode(&document); err != nil {
		return nil, err
	}
	if document == nil {
		return nil, nil
	}
	return json.Marshal(redact.Value(document, Plain))
}

// cut returns a text that PostgreSQL takes, of at most limit bytes.
func cut(text string, limit int) string { return inbound.Prefix(Plain(text), limit) }
