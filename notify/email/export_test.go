package email

import (
	"strings"

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
