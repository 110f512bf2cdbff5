package email

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"

	"github.com/sluicehq/sluice/internal/version"
	"github.com/sluicehq/sluice/notify/channel"
)

// Bounds of what is put into a mail, in characters.
const (
	maxSubject = 200
	maxField   = 200
	maxReason  = 1000
)

// compose writes the mail. Every attempt at a delivery has the same Message-ID, by
// which mail programs recognise a mail that came twice.
func (s *Sender) compose(to string, m channel.Message) (*gomail.Msg, error) {
	rendered, err := s.templates.Render(m.Announcement)
	if err != nil {
		return nil, err
	}
	message := gomail.NewMsg()
	if err := message.FromFormat(clean(s.from.Name, maxField), s.from.Address); err != nil {
		return nil, fmt.Errorf("sender of the mail: %w", err)
	}
	if err := message.To(to); err != nil {
		return nil, channel.Permanent(errors.New("the recipient cannot be written to"))
	}
	message.Subject(rendered.Subject)
	message.SetMessageIDWithValue(messageID(m, s.from.Address))
	message.SetDateWithValue(time.Now())
	message.SetUserAgent("Sluice/" + version.Version)
	// Nobody's absence note is wanted in return (RFC 3834).
	message.SetGenHeader("Auto-Submitted", "auto-generated")
	message.SetGenHeader("X-Auto-Response-Suppress", "All")
	message.SetBodyString(gomail.TypeTextPlain, rendered.Text)
	message.AddAlternativeString(gomail.TypeTextHTML, rendered.HTML)
	return message, nil
}

// messageID names the mail: one notification goes to several people, each in a mail
// of its own.
func messageID(m channel.Message, from string) string {
	_, domain, _ := strings.Cut(from, "@")
	return fmt.Sprintf("%s.%d@%s", m.Announcement.ID, m.DeliveryID, domain)
}

// clean makes a line of text fit for a header or a line of a mail, whoever has written
// it: at most that many characters, without anything that ends a line, moves a cursor or
// turns the direction of writing.
func clean(text string, most int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unfit(r) || unicode.IsSpace(r) }), " ")
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most-3]) + "..."
	}
	return text
}

// unfit says whether a character has no place in a line of text.
func unfit(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control) || r == '\uFEFF'
}
