package smtp

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"

	"github.com/sluicehq/sluice/internal/inbound"
	"github.com/sluicehq/sluice/internal/version"
)

// maxName is how many characters of the sender's name are sent.
const maxName = 200

// compose puts the mail into its form.
func (c *client) compose(to, id string, m Mail) (*gomail.Msg, error) {
	message := gomail.NewMsg()
	if err := message.FromFormat(Line(c.from.Name, maxName), c.from.Address); err != nil {
		return nil, fmt.Errorf("sender of the mail: %w", err)
	}
	if err := message.To(to); err != nil {
		return nil, &refusedError{"the recipient cannot be written to"}
	}
	message.Subject(Subject(m.Subject))
	message.SetMessageIDWithValue(messageID(id, c.from.Address))
	message.SetDateWithValue(time.Now())
	message.SetUserAgent("Sluice/" + version.Version)
	// Suppresses automatic replies (RFC 3834).
	message.SetGenHeader("Auto-Submitted", "auto-generated")
	message.SetGenHeader("X-Auto-Response-Suppress", "All")
	message.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		message.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return message, nil
}

// messageID names the mail.
func messageID(id, from string) string {
	_, domain, _ := strings.Cut(from, "@")
	return id + "@" + domain
}

// Line makes text fit for a header or a line of a mail: one line of at most limit bytes of JSON,
// without control characters and marks of writing direction.
func Line(text string, limit int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unfit(r) || unicode.IsSpace(r) }), " ")
	return inbound.Cut(text, limit)
}

// unfit says whether a character has no place in a line of text.
func unfit(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control) || r == '\uFEFF'
}
