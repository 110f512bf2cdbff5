package smtp

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

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/outbound"
)

// mailTimeout bounds one mail, dialTimeout the connection attempt within it.
const (
	mailTimeout = 30 * time.Second
	dialTimeout = 10 * time.Second
)

// client sends mails through one mail server. It is safe for concurrent use.
type client struct {
	settings settings
	password string
	from     *mail.Address
	tls      *tls.Config
	dialer   *net.Dialer
	timeout  time.Duration
}

// newClient returns the client of a connection. It reads the file with certificates and does
// not connect. The guard decides which addresses it may dial, except for the built-in
// connection, whose server the operator of this process has configured.
func newClient(guard outbound.Guard, c connections.Connection) (*client, error) {
	if c.Kind != KindName {
		return nil, fmt.Errorf("the connection %s is of kind %s: want %s", c.Name, c.Kind, KindName)
	}
	s, err := parseSettings(c.Settings)
	if err != nil {
		return nil, fmt.Errorf("settings of the connection %s: %w", c.Name, err)
	}
	from, err := mail.ParseAddress(s.From)
	if err == nil {
		from.Address, err = Address(from.Address)
	}
	if err != nil {
		return nil, fmt.Errorf(`setting "from": %w`, err)
	}
	m := &client{
		settings: s, password: c.Secrets[secretPassword], from: from, timeout: mailTimeout,
		tls: &tls.Config{ServerName: s.Host, MinVersion: tls.VersionTLS12},
	}
	switch {
	case c.Name == connections.Notify:
		m.dialer = &net.Dialer{Timeout: dialTimeout}
	case s.TLS == Cleartext && s.Username != "":
		m.dialer = guard.Dialer(outbound.Exposed)
	default:
		m.dialer = guard.Dialer(outbound.Protected)
	}
	if s.CAFile == "" {
		return m, nil
	}
	text, err := readCertificates(s.CAFile)
	if err != nil {
		return nil, fmt.Errorf(`setting "ca_file": %w`, err)
	}
	m.tls.RootCAs = x509.NewCertPool()
	if !m.tls.RootCAs.AppendCertsFromPEM(text) {
		return nil, errors.New(`setting "ca_file": the file holds no certificate in PEM form`)
	}
	return m, nil
}

// send makes one attempt at a mail. The ID makes the Message-ID: it is the same at every
// attempt, so that mail programs recognise a mail that came twice. The error is a *refusedError
// if the server permanently refuses the mail or its recipient; errUnknown, errSender and
// errDeferred are described at their declaration. A mistake of the operator, such as a wrong
// password, is an ordinary error.
func (c *client) send(ctx context.Context, id string, m Mail) error {
	to, err := Address(m.To)
	if err != nil {
		return &refusedError{fmt.Sprintf("the recipient is not an e-mail address that mail servers take: %s", err)}
	}
	message, err := c.compose(to, id, m)
	if err != nil {
		return err
	}
	line := &line{client: c}
	err = c.session(ctx, line, func(ctx context.Context, client *gomail.Client) error {
		session, err := client.DialToSMTPClientWithContext(ctx)
		if err != nil {
			return err
		}
		err = client.SendWithSMTPClient(session, message)
		line.said()
		return errors.Join(err, client.CloseWithSMTPClient(session))
	}, to)
	if message.IsDelivered() {
		// An error after the server has acknowledged the mail changes nothing.
		return nil
	}
	return err
}

// check logs in to the server and sends nothing.
func (c *client) check(ctx context.Context) error {
	return c.session(ctx, &line{client: c}, func(ctx context.Context, client *gomail.Client) error {
		session, err := client.DialToSMTPClientWithContext(ctx)
		if err != nil {
			return err
		}
		return client.CloseWithSMTPClient(session)
	}, c.from.Address)
}

// session talks to the server within the timeout. Errors do not name the recipient.
func (c *client) session(
	ctx context.Context, l *line, talk func(context.Context, *gomail.Client) error, to string,
) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	// The library heeds the context while it connects only, and leaves connections open that
	// it fails on.
	defer context.AfterFunc(ctx, l.cut)()
	defer l.cut()
	client, err := gomail.NewClient(c.settings.Host, c.options(l.dial)...)
	if err != nil {
		return fmt.Errorf("prepare the mail client: %w", err)
	}
	if err := talk(ctx, client); err != nil {
		return c.explain(ctx, err, to, l)
	}
	return nil
}

func (c *client) options(dial gomail.DialContextFunc) []gomail.Option {
	options := []gomail.Option{
		// The context cuts the line in time; the library's own limit must not come first.
		gomail.WithTimeout(c.timeout + dialTimeout),
		gomail.WithPort(c.settings.Port), gomail.WithTLSConfig(c.tls), gomail.WithDialContextFunc(dial),
	}
	if c.settings.TLS == StartTLS {
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	} else {
		// TLS from the beginning is up before the library sees the connection.
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if c.settings.Username == "" {
		return options
	}
	return append(options, gomail.WithUsername(c.settings.Username), gomail.WithPassword(c.password),
		gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256PLUS, gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain,
			gomail.SMTPAuthLogin, gomail.SMTPAuthCramMD5))
}

// address is that of the mail server.
func (c *client) address() string {
	return net.JoinHostPort(c.settings.Host, fmt.Sprint(c.settings.Port))
}
