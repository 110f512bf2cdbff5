package smtp_test

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/destinations/smtp"
	"github.com/sluicehq/sluice/destinations/smtp/smtptest"
)

// hello is a mail to Anna.
var hello = smtp.Mail{To: "Anna <anna@example.com>", Subject: "Hello", Text: "Dear Anna", HTML: "<b>Dear Anna</b>"}

// client returns a client with the timeout of a test.
func client(tb testing.TB, settings smtp.Config) *smtp.Client {
	tb.Helper()
	c, err := smtp.NewClient(settings, 5*time.Second)
	require.NoError(tb, err)
	return c
}

// TestSend: whatever the server offers, the mail arrives.
func TestSend(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]smtptest.Config{
		"starttls, plain": {Mechanisms: []string{sasl.Plain}},
		"starttls, login": {Mechanisms: []string{sasl.Login}},
		"tls":             {TLS: smtp.ImplicitTLS},
		"unencrypted":     {TLS: smtp.Cleartext},
		"no account":      {Mechanisms: []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := smtptest.Start(t, cfg)
			settings := server.Settings()
			if len(cfg.Mechanisms) == 0 && cfg.Mechanisms != nil {
				settings.Username, settings.Password = "", ""
			}
			c := client(t, settings)
			// Twice, as after a worker's death: both mails are equal.
			for range 2 {
				require.NoError(t, c.Send(t.Context(), "job-7", hello))
			}
			mails := server.Await(t, 2)
			for _, m := range mails {
				require.Equal(t, "sluice@example.com", m.From)
				require.Equal(t, []string{"anna@example.com"}, m.To)
				require.Equal(t, "Hello", m.Header.Get("Subject"))
				require.Equal(t, `"Sluice" <sluice@example.com>`, m.Header.Get("From"))
				require.Equal(t, "<anna@example.com>", m.Header.Get("To"))
				require.Equal(t, "<job-7@example.com>", m.Header.Get("Message-ID"))
				require.Equal(t, "auto-generated", m.Header.Get("Auto-Submitted"))
			}
			text, html := bodies(t, mails[0].Raw)
			require.Equal(t, "Dear Anna", strings.TrimSpace(text))
			require.Equal(t, "<b>Dear Anna</b>", strings.TrimSpace(html))
		})
	}
}

// bodies returns the text and the HTML of a mail.
func bodies(t *testing.T, raw string) (text, html string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	require.NoError(t, err)
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	require.NoError(t, err)
	require.Equal(t, "multipart/alternative", kind)
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return text, html
		}
		require.NoError(t, err)
		content, err := io.ReadAll(quotedprintable.NewReader(part))
		require.NoError(t, err)
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
			html = strings.ReplaceAll(string(content), "\r\n", "\n")
		} else {
			text = strings.ReplaceAll(string(content), "\r\n", "\n")
		}
	}
}

// TestFailures: each has its own word, and none holds the password or the recipient.
func TestFailures(t *testing.T) {
	t.Parallel()
	refuse := func(code int) func(string) error {
		return func(to string) error { return &gosmtp.SMTPError{Code: code, Message: "no such user <" + to + ">"} }
	}
	for name, test := range map[string]struct {
		server    smtptest.Config
		change    func(n *smtp.Config)
		permanent bool
		want      string
	}{
		"wrong password": {
			change: func(n *smtp.Config) { n.Password = "wrong-" + smtptest.Password },
			want:   "send the mail: SMTP AUTH failed: 535 \"5.7.8 wrong password ",
		},
		"refused recipient": {
			server: smtptest.Config{Refuse: refuse(550)}, permanent: true, want: "the mail server refuses the recipient (550)",
		},
		"recipient refused for now": {
			server: smtptest.Config{Refuse: refuse(450)}, want: "the mail server defers the mail (450): ",
		},
		"refused mail": {
			server:    smtptest.Config{RefuseMail: func() error { return &gosmtp.SMTPError{Code: 554, Message: "spam"} }},
			permanent: true, want: "the mail server refuses the mail (554)",
		},
		"mail refused for now": {
			server: smtptest.Config{RefuseMail: func() error { return &gosmtp.SMTPError{Code: 451, Message: "full"} }},
			want:   "the mail server defers the mail (451): ",
		},
		"unknown authority": {
			change: func(n *smtp.Config) { n.CAFile = "" }, want: "certificate signed by unknown authority",
		},
		"unknown authority, tls": {
			server: smtptest.Config{TLS: smtp.ImplicitTLS}, change: func(n *smtp.Config) { n.CAFile = "" },
			want: "certificate signed by unknown authority",
		},
		"no tls there": {
			server: smtptest.Config{TLS: smtp.Cleartext}, change: func(n *smtp.Config) { n.TLS = smtp.StartTLS },
			want: "target host does not support STARTTLS",
		},
		"tls from the beginning, where there is none": {
			change: func(n *smtp.Config) { n.TLS = smtp.ImplicitTLS }, want: "secure the connection to the mail server",
		},
		"no account wanted": {
			server: smtptest.Config{Mechanisms: []string{}}, want: "does not support SMTP AUTH",
		},
		"no server": {
			change: func(n *smtp.Config) { n.Port = 1 }, want: "send the mail: reach the mail server: ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := smtptest.Start(t, test.server).Settings()
			if test.change != nil {
				test.change(&settings)
			}
			err := client(t, settings).Send(t.Context(), "job-7", hello)
			require.ErrorContains(t, err, test.want)
			require.Equal(t, test.permanent, smtp.IsRefused(err))
			require.NotContains(t, err.Error(), smtptest.Password)
			require.NotContains(t, err.Error(), "anna@")
		})
	}
}

// A server that accepts connections and sends nothing does not block a load for long, nor after the
// load is cancelled.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	address, ok := listener.Addr().(*net.TCPAddr)
	require.True(t, ok)
	settings := smtptest.Start(t, smtptest.Config{}).Settings()
	settings.Port = address.Port
	for _, mode := range []string{smtp.StartTLS, smtp.ImplicitTLS} {
		settings.TLS = mode
		c, err := smtp.NewClient(settings, 200*time.Millisecond)
		require.NoError(t, err)
		require.EqualError(t, c.Send(t.Context(), "job-7", hello), "the mail server did not take the mail within 200ms")
	}
	c, err := smtp.NewClient(settings, time.Hour)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.Error(t, c.Send(ctx, "job-7", hello))
}

func TestRecipients(t *testing.T) {
	t.Parallel()
	server := smtptest.Start(t, smtptest.Config{})
	c := client(t, server.Settings())
	m := hello
	for _, m.To = range []string{
		"", "anna", "anna@", "a b@example.com", "anna@example.com\r\nBcc: eve@example.com", "<anna@example.com",
		"\"a\\\r\nb\"@example.com", "anna@example.com, eve@example.com", "\"a> b\"@example.com",
	} {
		err := c.Send(t.Context(), "job-7", m)
		require.ErrorContains(t, err, "the recipient is not an e-mail address that mail servers take", m.To)
		require.True(t, smtp.IsRefused(err))
	}
	// A name is left out, whatever it unpacks to.
	m.To = "=?utf-8?q?Anna=0D=0ABcc=3A_eve=40example.com?= <anna@example.com>"
	require.NoError(t, c.Send(t.Context(), "job-7", m))
	mails := server.Await(t, 1)
	require.Equal(t, "<anna@example.com>", mails[0].Header.Get("To"))
	require.Empty(t, mails[0].Header.Get("Bcc"))
}

// A worker refuses to start with faults of its mail server's settings.
func TestBuiltIn(t *testing.T) {
	t.Parallel()
	all, err := smtp.BuiltIn(smtp.Config{})
	require.NoError(t, err)
	require.Empty(t, all)
	settings := smtptest.Start(t, smtptest.Config{}).Settings()
	all, err = smtp.BuiltIn(settings)
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, "notify", all[0].Name)
	require.NoError(t, smtp.Check(all[0]))
	for want, change := range map[string]func(n *smtp.Config){
		`settings of the connection notify: setting "from": want an address`: func(n *smtp.Config) { n.From = "" },
		`setting "ca_file": open /nowhere/ca.pem: no such file or directory`: func(n *smtp.Config) { n.CAFile = "/nowhere/ca.pem" },
		`setting "ca_file": the file holds no certificate in PEM form`:       func(n *smtp.Config) { n.CAFile = "client_test.go" },
	} {
		changed := settings
		change(&changed)
		all, err := smtp.BuiltIn(changed)
		require.NoError(t, err)
		require.ErrorContains(t, smtp.Check(all[0]), want)
	}
}

// The rules about addresses are for connections that users add. The operator of the process
// has named the mail server of the built-in one.
func TestBuiltInIsNotGuarded(t *testing.T) {
	t.Parallel()
	server := smtptest.Start(t, smtptest.Config{})
	all, err := smtp.BuiltIn(server.Settings())
	require.NoError(t, err)
	guard := config.Connections{Addresses: "smtp=10.0.0.0/8"}.Guard(smtp.KindName)
	_, err = smtp.Kind{Guard: guard}.Test(t.Context(), all[0])
	require.NoError(t, err)
	all[0].Name = "mail"
	_, err = smtp.Kind{Guard: guard}.Test(t.Context(), all[0])
	require.ErrorContains(t, err, "is not allowed for connections of kind smtp")
}
