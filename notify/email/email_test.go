package email_test

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
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/notify/channel"
	"github.com/sluicehq/sluice/notify/email"
	"github.com/sluicehq/sluice/notify/email/smtptest"
	"github.com/sluicehq/sluice/store"
)

func templates(tb testing.TB) *email.Templates {
	tb.Helper()
	all, err := email.LoadTemplates(func(source string) string { return source + "_import" })
	require.NoError(tb, err)
	return all
}

// announcement is one with everything in it.
func announcement(event string) store.Announcement {
	first, last := calendar.Day(19358), calendar.Day(19388)
	expires := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return store.Announcement{
		ID: "imp_3_0_" + event, Event: event, Detail: "anna: wrong file",
		OccurredAt: time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC),
		Import: store.AnnouncedImport{
			ID: 3, Site: "example.com", Source: "csv", Label: "CSV export", Status: event,
			StartDate: &first, EndDate: &last, Days: calendar.Set{{First: first + 2, Last: last}},
			RowsRead: 1234578, RowsLoaded: 1234500, RowsRejected: 60, RowsOutOfRange: 7, RowsLeftOut: 11, Warnings: 2, PartsSkipped: 1,
			Error: "imported_pages.csv:3:1: want a date", ErrorClass: "bad_input", RequestedBy: "ben", ReviewExpiresAt: &expires,
		},
	}
}

func message(event string) channel.Message {
	return channel.Message{DeliveryID: 7, Target: "Anna <anna@example.com>", Announcement: announcement(event)}
}

func sender(t *testing.T, settings config.Notify) *email.Sender {
	t.Helper()
	s, err := email.New(settings, templates(t))
	require.NoError(t, err)
	return s
}

// TestSend: whatever the server offers, the mail arrives.
func TestSend(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]smtptest.Config{
		"starttls, plain": {Mechanisms: []string{sasl.Plain}},
		"starttls, login": {Mechanisms: []string{sasl.Login}},
		"tls":             {TLS: config.SMTPTLS},
		"unencrypted":     {TLS: config.SMTPPlain},
		"no account":      {Mechanisms: []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := smtptest.Start(t, cfg)
			settings := server.Settings()
			if len(cfg.Mechanisms) == 0 && cfg.Mechanisms != nil {
				settings.SMTPUsername, settings.SMTPPassword = "", ""
			}
			s := sender(t, settings)
			// Twice, as after a worker's death: the same mail to whoever compares.
			for range 2 {
				require.NoError(t, s.Send(t.Context(), message(store.EventCompleted)))
			}
			mails := server.Await(t, 2)
			for _, m := range mails {
				require.Equal(t, "sluice@example.com", m.From)
				require.Equal(t, []string{"anna@example.com"}, m.To)
				require.Equal(t, "CSV export imported for example.com", m.Header.Get("Subject"))
				require.Equal(t, `"Sluice" <sluice@example.com>`, m.Header.Get("From"))
				require.Equal(t, "<anna@example.com>", m.Header.Get("To"))
				require.Equal(t, "<imp_3_0_completed.7@example.com>", m.Header.Get("Message-ID"))
				require.Equal(t, "auto-generated", m.Header.Get("Auto-Submitted"))
			}
			text, html := bodies(t, mails[0].Raw)
			require.Contains(t, text, "CSV export has been imported for example.com: 2023-01-03 to 2023-01-31.")
			require.Contains(t, text, "    Rows read                  1,234,578")
			require.Contains(t, html, "<b>CSV export</b> has been imported")
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
		return func(to string) error { return &smtp.SMTPError{Code: code, Message: "no such user <" + to + ">"} }
	}
	for name, test := range map[string]struct {
		server    smtptest.Config
		change    func(n *config.Notify)
		permanent bool
		want      string
	}{
		"wrong password": {
			change: func(n *config.Notify) { n.SMTPPassword = "wrong-" + smtptest.Password },
			want:   "send the mail: SMTP AUTH failed: 535 \"5.7.8 wrong password ",
		},
		"refused recipient": {
			server: smtptest.Config{Refuse: refuse(550)}, permanent: true, want: "the mail server refuses the recipient (550)",
		},
		"recipient refused for now": {
			server: smtptest.Config{Refuse: refuse(450)}, want: "the mail server defers the mail (450): ",
		},
		"refused mail": {
			server:    smtptest.Config{RefuseMail: func() error { return &smtp.SMTPError{Code: 554, Message: "spam"} }},
			permanent: true, want: "the mail server refuses the mail (554)",
		},
		"mail refused for now": {
			server: smtptest.Config{RefuseMail: func() error { return &smtp.SMTPError{Code: 451, Message: "full"} }},
			want:   "the mail server defers the mail (451): ",
		},
		"unknown authority": {
			change: func(n *config.Notify) { n.SMTPCAFile = "" }, want: "certificate signed by unknown authority",
		},
		"unknown authority, tls": {
			server: smtptest.Config{TLS: config.SMTPTLS}, change: func(n *config.Notify) { n.SMTPCAFile = "" },
			want: "certificate signed by unknown authority",
		},
		"no tls there": {
			server: smtptest.Config{TLS: config.SMTPPlain}, change: func(n *config.Notify) { n.SMTPTLS = config.SMTPStartTLS },
			want: "target host does not support STARTTLS",
		},
		"tls from the beginning, where there is none": {
			change: func(n *config.Notify) { n.SMTPTLS = config.SMTPTLS }, want: "secure the connection to the mail server",
		},
		"no account wanted": {
			server: smtptest.Config{Mechanisms: []string{}}, want: "does not support SMTP AUTH",
		},
		"nobody there": {
			change: func(n *config.Notify) { n.SMTPPort = 1 }, want: "send the mail: reach the mail server: ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := smtptest.Start(t, test.server).Settings()
			if test.change != nil {
				test.change(&settings)
			}
			err := sender(t, settings).Send(t.Context(), message(store.EventCompleted))
			require.ErrorContains(t, err, test.want)
			require.Equal(t, test.permanent, channel.IsPermanent(err))
			require.NotContains(t, err.Error(), smtptest.Password)
			require.NotContains(t, err.Error(), "anna@")
		})
	}
}

// A server that accepts connections and says nothing does not hold anybody up, nor does
// it when the sender is told to stop.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	address, ok := listener.Addr().(*net.TCPAddr)
	require.True(t, ok)
	settings := smtptest.Start(t, smtptest.Config{}).Settings()
	settings.SMTPPort, settings.SMTPTimeout = address.Port, 200*time.Millisecond
	for _, mode := range []string{config.SMTPStartTLS, config.SMTPTLS} {
		settings.SMTPTLS = mode
		err := sender(t, settings).Send(t.Context(), message(store.EventCompleted))
		require.EqualError(t, err, "the mail server did not take the mail within 200ms")
	}
	settings.SMTPTimeout = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.Error(t, sender(t, settings).Send(ctx, message(store.EventCompleted)))
}

func TestRecipients(t *testing.T) {
	t.Parallel()
	server := smtptest.Start(t, smtptest.Config{})
	s := sender(t, server.Settings())
	for _, target := range []string{
		"", "anna", "anna@", "a b@example.com", "anna@example.com\r\nBcc: eve@example.com", "<anna@example.com",
		"\"a\\\r\nb\"@example.com", "anna@example.com, eve@example.com", "\"a> b\"@example.com",
	} {
		m := message(store.EventCompleted)
		m.Target = target
		err := s.Send(t.Context(), m)
		require.ErrorContains(t, err, "the recipient is not an e-mail address that mail servers take", target)
		require.True(t, channel.IsPermanent(err))
	}
	// A name is left out, whatever it unpacks to.
	m := message(store.EventCompleted)
	m.Target = "=?utf-8?q?Anna=0D=0ABcc=3A_eve=40example.com?= <anna@example.com>"
	require.NoError(t, s.Send(t.Context(), m))
	mails := server.Await(t, 1)
	require.Equal(t, "<anna@example.com>", mails[0].Header.Get("To"))
	require.Empty(t, mails[0].Header.Get("Bcc"))
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	settings := smtptest.Start(t, smtptest.Config{}).Settings()
	for want, change := range map[string]func(n *config.Notify){
		"no mail server is configured: notify.smtp_host is empty":              func(n *config.Notify) { n.SMTPHost = "" },
		"notify.smtp_from is not an address":                                   func(n *config.Notify) { n.SMTPFrom = "" },
		"notify.smtp_ca_file: open /nowhere/ca.pem: no such file or directory": func(n *config.Notify) { n.SMTPCAFile = "/nowhere/ca.pem" },
		"notify.smtp_ca_file holds no certificate in PEM form":                 func(n *config.Notify) { n.SMTPCAFile = "email_test.go" },
	} {
		changed := settings
		change(&changed)
		_, err := email.New(changed, templates(t))
		require.EqualError(t, err, want)
	}
}
