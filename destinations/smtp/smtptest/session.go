package smtptest

import (
	"bytes"
	"errors"
	"io"
	"net/mail"
	"strings"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// session is one client's.
type session struct {
	server *Server
	in     bool
	mail   Mail
}

var _ smtp.AuthSession = (*session)(nil)

// AuthMechanisms are those of the server's configuration.
func (s *session) AuthMechanisms() []string { return s.server.cfg.Mechanisms }

// Auth begins to log a client in.
func (s *session) Auth(mechanism string) (sasl.Server, error) {
	check := func(username, password string) error {
		if username != Username || password != Password {
			// Some servers repeat what they were given.
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "wrong password " + password}
		}
		s.in = true
		return nil
	}
	switch mechanism {
	case sasl.Plain:
		return sasl.NewPlainServer(func(_, username, password string) error { return check(username, password) }), nil
	case sasl.Login:
		return &login{check: check}, nil
	default:
		return nil, smtp.ErrAuthUnknownMechanism
	}
}

// Mail begins a mail.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if !s.in && len(s.server.cfg.Mechanisms) > 0 {
		return smtp.ErrAuthRequired
	}
	s.mail = Mail{From: from}
	return nil
}

// Rcpt adds a recipient.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.server.cfg.Refuse != nil {
		if err := s.server.cfg.Refuse(to); err != nil {
			return err
		}
	}
	s.mail.To = append(s.mail.To, to)
	return nil
}

// Data takes the mail.
func (s *session) Data(r io.Reader) error { return s.server.take(s.mail, r) }

// Reset forgets the mail.
func (s *session) Reset() { s.mail = Mail{} }

// Logout does nothing.
func (*session) Logout() error { return nil }

// login is the server's side of LOGIN, which no RFC describes: name and password, each
// asked for.
type login struct {
	check    func(username, password string) error
	asked    int
	username string
}

// Next takes an answer and asks for the next one.
func (l *login) Next(response []byte) (challenge []byte, done bool, err error) {
	l.asked++
	switch {
	case l.asked == 1 && response == nil:
		return []byte("Username:"), false, nil
	case l.username == "":
		l.username = string(response)
		return []byte("Password:"), false, nil
	default:
		return nil, true, l.check(l.username, string(response))
	}
}

// headerOf parses a mail's header strictly: a line that is none is an error.
func headerOf(raw string) (mail.Header, error) {
	head, _, ok := strings.Cut(raw, "\r\n\r\n")
	if !ok {
		return nil, errors.New("the mail has no end of its header")
	}
	if strings.ContainsAny(strings.ReplaceAll(head, "\r\n", ""), "\r\n\x00") {
		return nil, errors.New("there is a bare line end in the header")
	}
	message, err := mail.ReadMessage(bytes.NewBufferString(raw))
	if err != nil {
		return nil, err
	}
	return message.Header, nil
}
