package connections

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	// redacted replaces a secret.
	redacted = "[secret]"
	// minSecret is the minimum length of a redacted secret: removing shorter texts would make
	// messages unreadable.
	minSecret = 4
	// minLine is the minimum for one line of a multi-line secret, such as a key file.
	minLine = 16
)

// Redact returns the text without the connection's secrets, also as encoded in URLs, JSON,
// headers and quotation marks. It is a second line of defence for messages of libraries and
// servers.
func (c Connection) Redact(text string) string {
	var all []string
	for _, secret := range c.Secrets {
		if len(secret) < minSecret {
			continue
		}
		all = append(all, forms(secret)...)
		// Libraries quote single lines of a file, or of a file embedded in another.
		for line := range strings.Lines(strings.ReplaceAll(secret, `\n`, "\n")) {
			if line = strings.TrimSpace(line); len(line) >= minLine {
				all = append(all, line)
			}
		}
	}
	// The longest first: one form may be part of another.
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	for _, form := range slices.Compact(all) {
		text = strings.ReplaceAll(text, form, redacted)
	}
	return text
}

// forms returns the encodings in which a secret may appear in a text.
func forms(secret string) []string {
	all := []string{
		secret, strings.TrimSpace(secret), url.QueryEscape(secret), url.PathEscape(secret),
		strings.Trim(strconv.Quote(secret), `"`),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
	}
	if quoted, err := json.Marshal(secret); err == nil {
		all = append(all, strings.Trim(string(quoted), `"`))
	}
	return slices.DeleteFunc(all, func(s string) bool { return len(s) < minSecret })
}
