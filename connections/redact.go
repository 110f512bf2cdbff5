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
	// redacted stands where a secret stood.
	redacted = "[secret]"
	// minSecret is the length below which a text is left alone: hardly a secret, and
	// taking it out would make any message unreadable.
	minSecret = 4
	// minLine is the same for a line of a secret that has several, such as a key file.
	minLine = 16
)

// Redact returns the text without the connection's secrets, also where they stand in the
// forms in which URLs, JSON, headers and quotation marks hold them. It is a second line
// of defence, for messages whose author is somebody else.
func (c Connection) Redact(text string) string {
	var all []string
	for _, secret := range c.Secrets {
		if len(secret) < minSecret {
			continue
		}
		all = append(all, forms(secret)...)
		// Libraries quote a line of a file, or of the file that another file holds.
		for line := range strings.Lines(strings.ReplaceAll(secret, `\n`, "\n")) {
			if line = strings.TrimSpace(line); len(line) >= minLine {
				all = append(all, line)
			}
		}
	}
	// The longest first: one form may be a piece of another.
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	for _, form := range slices.Compact(all) {
		text = strings.ReplaceAll(text, form, redacted)
	}
	return text
}

// forms returns a secret as it may appear in a text.
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
