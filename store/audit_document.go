package store

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"

	"github.com/sluicehq/sluice/internal/inbound"
)

// MaxAuditDocument bounds what an entry of the audit says about the subject before and after the change, in bytes of
// JSON each. A larger one is replaced by {"omitted_bytes": SIZE}.
const MaxAuditDocument = 32 << 10

// redacted stands for a secret.
const redacted = "[redacted]"

// secretName matches names of values that are secrets. Callers leave secrets out; this is the second guard.
var secretName = regexp.MustCompile(`(?i)passw(or)?d|passphrase|secret|token$|authorization|cookie|credential|` +
	`api_?key|private_?key|access_?key|sealed|^dsn$`)

// auditDocument returns a value as JSON without secrets, nil for nil.
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
	return json.Marshal(withoutSecrets(document))
}

// withoutSecrets replaces secrets by their names, and passwords in URLs.
func withoutSecrets(value any) any {
	switch v := value.(type) {
	case map[string]any:
		clean := make(map[string]any, len(v))
		for name, item := range v {
			// Names of secrets are none.
			if secretName.MatchString(name) && !strings.HasSuffix(name, "names") && item != nil && item != "" {
				clean[Plain(name)] = redacted
				continue
			}
			clean[Plain(name)] = withoutSecrets(item)
		}
		return clean
	case []any:
		for i, item := range v {
			v[i] = withoutSecrets(item)
		}
		return v
	case string:
		return withoutPassword(Plain(v))
	default:
		return v
	}
}

// withoutPassword replaces the password of a URL.
func withoutPassword(text string) string {
	if !strings.Contains(text, "://") || !strings.Contains(text, "@") {
		return text
	}
	u, err := url.Parse(text)
	if err != nil {
		// It may be a URL with a password that is no valid one.
		return redacted
	}
	if _, has := u.User.Password(); !has {
		return text
	}
	return u.Redacted()
}

// cut returns a text that PostgreSQL takes, of at most limit bytes.
func cut(text string, limit int) string { return inbound.Prefix(Plain(text), limit) }
