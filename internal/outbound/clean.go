package outbound

import (
	"regexp"
	"strings"

	"github.com/sluicehq/sluice/internal/inbound"
)

// MaxText bounds a cleaned text in bytes.
const MaxText = 300

// address matches e-mail addresses, also percent-encoded ones.
var address = regexp.MustCompile(`[^\s"'<>()]+(@|%40)[^\s"'<>()]+`)

// Clean makes a text of an endpoint fit for errors and logs: it has at most MaxText bytes, no control
// characters, no e-mail address and none of the secrets.
func Clean(text string, secrets ...string) string {
	text = inbound.Clean(text)
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "[secret]")
		}
	}
	return inbound.Cut(address.ReplaceAllString(text, "[address]"), MaxText)
}
