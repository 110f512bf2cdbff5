// Package email delivers notifications by e-mail.
package email

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/notify/channel"
)

// Sender sends notifications through a mail server. It is safe for concurrent use.
type Sender struct {
	settings  config.Notify
	from      *mail.Address
	tls       *tls.Config
	templates *Templates
	dialer    *net.Dialer
}

var _ channel.Sender = (*Sender)(nil)

// New returns a sender. Without templates it sends nothing but mails that others have
// written. It reads the file with certificates, and does not connect. It
// is an error if there is no mail server in the settings.
func New(settings config.Notify, templates *Templates) (*Sender, error) {
	if settings.SMTPHost == "" {
		return nil, errors.New("no mail server is configured: notify.smtp_host is empty")
	}
	from, err := mail.ParseAddress(settings.SMTPFrom)
	if err != nil {
		return nil, errors.New("notify.smtp_from is not an address")
	}
	if from.Address, err = Address(from.Address); err != nil {
		return nil, fmt.Errorf("notify.smtp_from: %w", err)
	}
	s := &Sender{
		settings: settings, from: from, templates: templates, dialer: &net.Dialer{Timeout: dialTimeout},
		tls: &tls.Config{ServerName: settings.SMTPHost, MinVersion: tls.VersionTLS12},
	}
	if settings.SMTPCAFile != "" {
		text, err := readCertificates(settings.SMTPCAFile)
		if err != nil {
			return nil, fmt.Errorf("notify.smtp_ca_file: %w", err)
		}
		s.tls.RootCAs = x509.NewCertPool()
		if !s.tls.RootCAs.AppendCertsFromPEM(text) {
			return nil, errors.New("notify.smtp_ca_file holds no certificate in PEM form")
		}
	}
	return s, nil
}

// WithDialer lets the sender dial by another dialer, one that checks addresses, and returns it.
func (s *Sender) WithDialer(dialer *net.Dialer) *Sender {
	s.dialer = dialer
	return s
}

// Send makes one attempt at a mail. A recipient or a mail that the server refuses for
// good is a permanent error. What an operator can mend, such as a wrong password, is not.
// ErrUnknown is the error where the server may have taken the mail.
func (s *Sender) Send(ctx context.Context, m channel.Message) error {
	written, err := s.write(m)
	if err != nil {
		return err
	}
	return s.SendMail(ctx, written)
}

// SendMail makes one attempt at a mail of any content. Errors are as those of Send.
func (s *Sender) SendMail(ctx context.Context, m Mail) error {
	to, err := recipient(m.To)
	if err != nil {
		return channel.Permanent(err)
	}
	message, err := s.compose(to, m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.settings.SMTPTimeout)
	defer cancel()
	line := &line{sender: s}
	err = s.deliver(ctx, message, line)
	if err == nil || message.IsDelivered() {
		// An error after the server has acknowledged the mail changes nothing.
		return nil
	}
	return s.explain(ctx, err, to, line)
}

// deliver talks to the server.
func (s *Sender) deliver(ctx context.Context, message *gomail.Msg, line *line) (err error) {
	// The library heeds the context while it connects only, and leaves connections
	// open that it fails on.
	stop := context.AfterFunc(ctx, line.cut)
	defer stop()
	defer line.cut()
	client, err := gomail.NewClient(s.settings.SMTPHost, s.options(line.dial)...)
	if err != nil {
		return fmt.Errorf("prepare the mail client: %w", err)
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return err
	}
	err = client.SendWithSMTPClient(session, message)
	line.said()
	return errors.Join(err, client.CloseWithSMTPClient(session))
}

func (s *Sender) options(dial gomail.DialContextFunc) []gomail.Option {
	options := []gomail.Option{
		// The context cuts the line in time; the library's own limit must not come first.
		gomail.WithTimeout(s.settings.SMTPTimeout + dialTimeout),
		gomail.WithPort(s.settings.SMTPPort), gomail.WithTLSConfig(s.tls),
		gomail.WithDialContextFunc(dial),
	}
	if s.settings.SMTPTLS == config.SMTPStartTLS {
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	} else {
		// TLS from the beginning is up before the library sees the connection.
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if s.settings.SMTPUsername == "" {
		return options
	}
	return append(options, gomail.WithUsername(s.settings.SMTPUsername), gomail.WithPassword(s.settings.SMTPPassword),
		gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256PLUS, gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain,
			gomail.SMTPAuthLogin, gomail.SMTPAuthCramMD5))
}

// recipient returns the bare address. A name beside it is left out: it is anybody's
// text, and what it may hold in an encoded form is better not unpacked.
func recipient(target string) (string, error) {
	to, err := Address(target)
	if err != nil {
		return "", fmt.Errorf("the recipient is not an e-mail address that mail servers take: %w", err)
	}
	return to, nil
}

// dialTimeout bounds how long a connection may take to be made.
const dialTimeout = 10 * time.Second

// address is that of the mail server.
func (s *Sender) address() string {
	return net.JoinHostPort(s.settings.SMTPHost, fmt.Sprint(s.settings.SMTPPort))
}

// Check logs in to the server and sends nothing.
func (s *Sender) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.settings.SMTPTimeout)
	defer cancel()
	line := &line{sender: s}
	stop := context.AfterFunc(ctx, line.cut)
	defer stop()
	defer line.cut()
	client, err := gomail.NewClient(s.settings.SMTPHost, s.options(line.dial)...)
	if err != nil {
		return fmt.Errorf("prepare the mail client: %w", err)
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err == nil {
		err = client.CloseWithSMTPClient(session)
	}
	if err != nil {
		return s.explain(ctx, err, s.from.Address, line)
	}
	return nil
}
