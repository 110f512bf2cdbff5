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

// Mail is a mail to one recipient.
type Mail struct {
	// To is the recipient's address.
	To string
	// ID is the same at every attempt, and makes the Message-ID, by which mail programs
	// recognise a mail that came twice.
	ID string
	// Subject is sent as one line, whatever it holds.
	Subject string
	// Text is the mail in plain text, HTML the same in HTML, "" if there is none.
	Text, HTML string
}

// write writes the mail about an announcement.
func (s *Sender) write(m channel.Message) (Mail, error) {
	rendered, err := s.templates.Render(m.Announcement)
	if err != nil {
		return Mail{}, err
	}
	// One notification goes to several people, each in a mail of its own.
	return Mail{
		To: m.Target, ID: fmt.Sprintf("%s.%d", m.Announcement.ID, m.DeliveryID),
		Subject: rendered.Subject, Text: rendered.Text, HTML: rendered.HTML,
	}, nil
}

// compose puts the mail into its form.
func (s *Sender) compose(to string, m Mail) (*gomail.Msg, error) {
	message := gomail.NewMsg()
	if err := message.FromFormat(clean(s.from.Name, maxField), s.from.Address); err != nil {
		return nil, fmt.Errorf("sender of the mail: %w", err)
	}
	if err := message.To(to); err != nil {
		return nil, channel.Permanent(errors.New("the recipient cannot be written to"))
	}
	message.Subject(Subject(m.Subject))
	message.SetMessageIDWithValue(messageID(m.ID, s.from.Address))
	message.SetDateWithValue(time.Now())
	message.SetUserAgent("Sluice/" + version.Version)
	// Nobody's absence note is wanted in return (RFC 3834).
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
