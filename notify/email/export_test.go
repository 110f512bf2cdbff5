package email

import (
	"bytes"
	"fmt"
	"mime"
	"net/mail"
	"strings"
	"unicode"

	"github.com/sluicehq/sluice/notify/channel"
)

// Compose returns the mail as it would be sent.
func Compose(s *Sender, m channel.Message) (string, error) {
	to, err := recipient(m.Target)
	if err != nil {
		return "", err
	}
	written, err := s.write(m)
	if err != nil {
		return "", err
	}
	message, err := s.compose(to, written)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	_, err = message.WriteTo(&out)
	return out.String(), err
}

// CheckComposed says what is wrong with a mail as it would be sent: its recipient is refused,
// or a header holds more than one line when it is decoded.
func CheckComposed(s *Sender, m Mail) error {
	to, err := recipient(m.To)
	if err != nil {
		return err
	}
	message, err := s.compose(to, m)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if _, err := message.WriteTo(&out); err != nil {
		return err
	}
	read, err := mail.ReadMessage(&out)
	if err != nil {
		return err
	}
	decoder := &mime.WordDecoder{}
	for name := range read.Header {
		decoded, err := decoder.DecodeHeader(read.Header.Get(name))
		if err != nil {
			return fmt.Errorf("header %s: %w", name, err)
		}
		if strings.ContainsFunc(decoded, unicode.IsControl) {
			return fmt.Errorf("header %s is %q", name, decoded)
		}
	}
	return nil
}
