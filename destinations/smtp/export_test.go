package smtp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/mail"
	"strings"
	"time"
	"unicode"

	"github.com/sluicehq/sluice/internal/outbound"
)

// Client is the client of a mail server.
type Client = client

// Errors of Client.Send.
var (
	ErrUnknown  = errUnknown
	ErrSender   = errSender
	ErrDeferred = errDeferred
)

// NewClient returns the client of the built-in connection of the settings.
func NewClient(n Config, timeout time.Duration) (*Client, error) {
	all, err := BuiltIn(n)
	if err != nil || len(all) == 0 {
		return nil, errors.Join(err, errors.New("no mail server"))
	}
	c, err := newClient(outbound.Guard{}, all[0])
	if err == nil {
		c.timeout = timeout
	}
	return c, err
}

// Send makes one attempt.
func (c *client) Send(ctx context.Context, id string, m Mail) error { return c.send(ctx, id, m) }

// IsRefused reports whether the server permanently refuses the mail.
func IsRefused(err error) bool {
	var refused *refusedError
	return errors.As(err, &refused)
}

// Compose returns the mail as it would be sent.
func (c *client) Compose(m Mail) (string, error) {
	to, err := Address(m.To)
	if err != nil {
		return "", err
	}
	message, err := c.compose(to, "id", m)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	_, err = message.WriteTo(&out)
	return out.String(), err
}

// CheckComposed says what is wrong with a mail as it would be sent: its recipient is refused,
// or a header holds more than one line when it is decoded.
func (c *client) CheckComposed(m Mail) error {
	raw, err := c.Compose(m)
	if err != nil {
		return err
	}
	read, err := mail.ReadMessage(bytes.NewReader([]byte(raw)))
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
