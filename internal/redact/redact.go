// Package redact replaces secrets in JSON, which it recognises by the names of fields: in the audit, and in payloads of
// events and jobs for readers who may not change them. A secret under a name that does not say so is not recognised.
package redact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// Replacement stands for a secret.
const Replacement = "[redacted]"

// secretName matches the names of fields that are secrets, in the spelling of JSON, of headers and of environments.
var secretName = regexp.MustCompile(`(?i)passw(or)?d|passphrase|secret|token|authori[sz]ation|cookie|credential|` +
	`signature|(api|private|access)[_-]?key|sealed|^dsn$`)

// IsSecret reports whether a field of a name is a secret. A field whose name ends with "names" has the names of
// secrets, and is none.
func IsSecret(name string) bool {
	return secretName.MatchString(name) && !strings.HasSuffix(name, "names")
}

// Value returns a value that was decoded from JSON with Replacement in place of each secret, and without the
// passwords of URLs. Null and the empty text stay: there is no secret. The value must not be used afterwards. text is
// applied to all other texts and to the names of fields; nil leaves them as they are.
func Value(value any, text func(string) string) any {
	if text == nil {
		text = func(s string) string { return s }
	}
	switch v := value.(type) {
	case map[string]any:
		clean := make(map[string]any, len(v))
		for name, item := range v {
			if IsSecret(name) && item != nil && item != "" {
				clean[text(name)] = Replacement
				continue
			}
			clean[text(name)] = Value(item, text)
		}
		return clean
	case []any:
		for i, item := range v {
			v[i] = Value(item, text)
		}
		return v
	case string:
		return withoutPassword(text(v))
	default:
		return v
	}
}

// JSON returns a JSON text without secrets: see Value. A text without any is returned as it is, the empty one too;
// otherwise numbers keep their digits, and the order of fields may change. The error says that the text is not JSON.
func JSON(text json.RawMessage) (json.RawMessage, error) {
	if len(text) == 0 {
		return text, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("redact secrets: %w", err)
	}
	before, err := encoded(value)
	if err != nil {
		return nil, err
	}
	after, err := encoded(Value(value, nil))
	if err != nil || bytes.Equal(before, after) {
		return text, err
	}
	return after, nil
}

func encoded(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("redact secrets: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// userInfo matches what may be the user and the password of a URL that is part of a text or no valid one.
var userInfo = regexp.MustCompile(`://\S*@`)

// withoutPassword replaces the password of a URL.
func withoutPassword(text string) string {
	if !strings.Contains(text, "://") || !strings.Contains(text, "@") {
		return text
	}
	u, err := url.Parse(text)
	if err != nil {
		return userInfo.ReplaceAllLiteralString(text, "://"+Replacement+"@")
	}
	if _, has := u.User.Password(); !has {
		return text
	}
	return u.Redacted()
}
