package smtp_test

import (
	"encoding/json"
	"fmt"
	"mime"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/destinationtest"
	"github.com/sluicehq/sluice/destinations/smtp"
	"github.com/sluicehq/sluice/destinations/smtp/smtptest"
	"github.com/sluicehq/sluice/internal/outbound"
)

func event(data string) destinations.Event { return destinations.Event{Data: json.RawMessage(data)} }

// opener opens a mail server.
func opener(tb testing.TB, n smtp.Config) connections.Opener {
	tb.Helper()
	settings, err := json.Marshal(map[string]any{
		"host": n.Host, "port": n.Port, "tls": n.TLS, "ca_file": n.CAFile, "from": n.From, "username": n.Username,
	})
	require.NoError(tb, err)
	return destinationtest.Opener{
		Name: "mail", Kind: "smtp", Settings: settings, Secrets: map[string]string{"password": n.Password},
	}
}

// subject is the destination with a mail server, whose address may be changed.
func subject(tb testing.TB, cfg smtptest.Config, change func(n *smtp.Config)) destinationtest.Subject {
	tb.Helper()
	server := smtptest.Start(tb, cfg)
	n := server.Settings()
	if change != nil {
		change(&n)
	}
	s := destinationtest.Subject{
		Destination: smtp.New(outbound.Loopback()), Action: "send", Connections: opener(tb, n),
		Delivered: func(testing.TB) (all []string) {
			for _, m := range server.Mails() {
				all = append(all, m.Header.Get("Message-ID"))
			}
			return all
		},
	}
	for i := range 5 {
		s.Events = append(s.Events, event(fmt.Sprintf(
			`{"connection": "mail", "to": "user%d@example.com", "subject": "Order %d", "text": "Thank you."}`, i, i)))
	}
	return s
}

// at leads elsewhere.
func at(address *net.TCPAddr) func(n *smtp.Config) {
	return func(n *smtp.Config) { n.Host, n.Port = address.IP.String(), address.Port }
}

func TestConformance(t *testing.T) {
	t.Parallel()
	type fresh = func(tb testing.TB) destinationtest.Subject
	refuse := func(code int) func(string) error {
		return func(string) error { return &gosmtp.SMTPError{Code: code, Message: "not now"} }
	}
	destinationtest.Run(t, destinationtest.Config{
		New: func(tb testing.TB) destinationtest.Subject { tb.Helper(); return subject(tb, smtptest.Config{}, nil) },
		BadEvents: []destinations.Event{
			event(`{}`), event(`{"connection": "mail", "to": "invalid", "subject": "s", "text": "t"}`),
			event(`{"connection": "mail", "to": "a@example.com", "subject": "", "text": "t"}`),
			event(`{"connection": "mail", "to": "a@example.com", "subject": "s", "text": ""}`),
			event(`{"connection": "` + smtptest.Password + `", "to": "a@example.com", "subject": "s", "text": "t"}`),
			event(`{"connection": "mail", "to": "a@example.com", "subject": "s", "text": "` + strings.Repeat("x", smtp.MaxBody+1) + `"}`),
		},
		Repeats: true,
		Secrets: []string{smtptest.Password},
		Faults: map[destinationtest.Fault]fresh{
			destinationtest.FaultSlow: func(tb testing.TB) destinationtest.Subject {
				tb.Helper()
				return subject(tb, smtptest.Config{Hold: func() { <-time.After(50 * time.Millisecond) }}, nil)
			},
			destinationtest.FaultHanging: func(tb testing.TB) destinationtest.Subject {
				tb.Helper()
				return subject(tb, smtptest.Config{}, at(destinationtest.Silent(tb)))
			},
			destinationtest.FaultImpostor: func(tb testing.TB) destinationtest.Subject {
				tb.Helper()
				return subject(tb, smtptest.Config{}, at(destinationtest.Impostor(tb)))
			},
			destinationtest.FaultThrottled: func(tb testing.TB) destinationtest.Subject {
				tb.Helper()
				return subject(tb, smtptest.Config{Refuse: refuse(421)}, nil)
			},
			destinationtest.FaultBroken: func(tb testing.TB) destinationtest.Subject {
				tb.Helper()
				return subject(tb, smtptest.Config{RefuseMail: func() error { return refuse(452)("") }}, nil)
			},
			destinationtest.FaultPartial: func(tb testing.TB) destinationtest.Subject {
				tb.Helper()
				return subject(tb, smtptest.Config{Refuse: func(to string) error {
					if strings.HasPrefix(to, "user2") {
						return refuse(550)(to)
					}
					return nil
				}}, nil)
			},
			destinationtest.FaultReset: func(tb testing.TB) destinationtest.Subject {
				tb.Helper()
				return subject(tb, smtptest.Config{TLS: smtp.Cleartext}, func(n *smtp.Config) {
					server := net.JoinHostPort(n.Host, fmt.Sprint(n.Port))
					at(destinationtest.CutAnswer(tb, server, []byte("queued")))(n)
				})
			},
			destinationtest.FaultTLS: func(tb testing.TB) destinationtest.Subject {
				tb.Helper()
				return subject(tb, smtptest.Config{}, func(n *smtp.Config) { n.CAFile = "" })
			},
		},
		Inapplicable: map[destinationtest.Fault]string{
			destinationtest.FaultThrottledFor: "the protocol has no word for how long",
			destinationtest.FaultUnready:      "a mail server lacks nothing that an operator would add",
			destinationtest.FaultHuge:         "an answer is read up to its last line, within the time that a mail may take",
		},
	})
}

// A mail is sent as it is written, and the same at every attempt.
func TestMail(t *testing.T) {
	t.Parallel()
	server := smtptest.Start(t, smtptest.Config{})
	q := &destinations.Queue{Events: []destinations.QueuedEvent{{Jobs: []destinations.QueuedJob{{
		ID: "job-1", Data: json.RawMessage(`{"connection": "mail", "to": "Anna <anna@example.com>", "subject": "Thank you\r\nBcc: eve@example.com",
			"text": "Dear Anna", "html": "<p>Dear Anna"}`),
	}}}}}
	for range 2 {
		smtp.New(outbound.Loopback()).Actions()[0].Load(t.Context(), &destinations.Toolkit{Connections: opener(t, server.Settings())}, q,
			func(then destinations.Then) { require.NoError(t, then.Error) })
	}
	mails := server.Await(t, 2)
	for _, m := range mails {
		require.Equal(t, "<job-1@example.com>", m.Header.Get("Message-ID"))
		require.Equal(t, []string{"anna@example.com"}, m.To)
		require.Empty(t, m.Header.Get("Bcc"), "a line break does not begin a header")
		require.Contains(t, m.Raw, "<p>Dear Anna")
	}
}

func TestKind(t *testing.T) {
	t.Parallel()
	server := smtptest.Start(t, smtptest.Config{})
	kind := smtp.Kind{Guard: outbound.Loopback()}
	c, err := opener(t, server.Settings()).Open(t.Context(), "mail")
	require.NoError(t, err)
	c.Settings, err = kind.ParseSettings(c.Settings)
	require.NoError(t, err)
	report, err := kind.Test(t.Context(), c)
	require.NoError(t, err)
	require.Len(t, report.Lines, 1)
	require.Empty(t, server.Mails())
	c.Secrets["password"] = "wrong-" + smtptest.Password
	_, err = kind.Test(t.Context(), c)
	require.ErrorContains(t, err, "SMTP AUTH failed")
	require.NotContains(t, err.Error(), smtptest.Password)
	for _, bad := range []string{
		`{}`, `{"host": "h", "from": "invalid"}`, `{"host": "h", "from": "a@example.com", "port": 0}`,
		`{"host": "h", "from": "a@example.com", "tls": "maybe"}`,
	} {
		_, err := kind.ParseSettings(json.RawMessage(bad))
		require.Error(t, err, bad)
	}
}

// What a connection may reach is decided when it is dialled, and a password is not sent in clear
// over a network.
func TestGuard(t *testing.T) {
	t.Parallel()
	server := smtptest.Start(t, smtptest.Config{})
	c, err := opener(t, server.Settings()).Open(t.Context(), "mail")
	require.NoError(t, err)
	settings := config.Connections{Addresses: "smtp=10.0.0.0/8"}
	_, err = smtp.Kind{Guard: settings.Guard(smtp.KindName)}.Test(t.Context(), c)
	require.ErrorContains(t, err, "is not allowed for connections of kind smtp")
	var then destinations.Then
	smtp.New(settings.Guard(smtp.KindName)).Actions()[0].Load(
		t.Context(), &destinations.Toolkit{Connections: opener(t, server.Settings())},
		&destinations.Queue{Events: []destinations.QueuedEvent{{Jobs: []destinations.QueuedJob{{
			ID: "a", Data: json.RawMessage(`{"connection": "mail", "to": "a@example.com", "subject": "s", "text": "t"}`),
		}}}}}, func(answer destinations.Then) { then = answer })
	require.ErrorContains(t, then.Error, "is not allowed for connections of kind smtp")
	require.Equal(t, destinations.ErrorClassOperator, destinations.ClassOf(then.Error))
	require.False(t, then.ForceDiscard)
	c.Settings = json.RawMessage(`{"host": "198.51.100.1", "from": "a@example.com", "tls": "none", "username": "u"}`)
	_, err = smtp.Kind{Guard: config.Connections{}.Guard(smtp.KindName)}.Test(t.Context(), c)
	require.ErrorContains(t, err, "a secret would be sent in clear to 198.51.100.1")
	require.Empty(t, server.Mails())
}

// A file with certificates is a path of a user's: what has no end is refused.
func TestCertificatesAreBounded(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/dev/zero": "want a regular file", "/": "want a regular file", "/nowhere": "no such file",
	} {
		c := connections.Connection{
			Name: "mail", Kind: smtp.KindName,
			Settings: json.RawMessage(`{"host": "127.0.0.1", "from": "a@example.com", "ca_file": "` + path + `"}`),
		}
		_, err := smtp.Kind{Guard: outbound.Loopback()}.Test(t.Context(), c)
		require.ErrorContains(t, err, want)
	}
}

// delivered loads one mail by a server that replies by rote, and returns what was reported.
func delivered(t *testing.T, server *smtptest.Script, data string) destinations.Then {
	t.Helper()
	q := &destinations.Queue{Events: []destinations.QueuedEvent{{Jobs: []destinations.QueuedJob{
		{ID: "job-1", Data: json.RawMessage(data)},
	}}}}
	var all []destinations.Then
	n := server.Settings()
	smtp.New(outbound.Loopback()).Actions()[0].Load(t.Context(), &destinations.Toolkit{Connections: opener(t, n)}, q,
		func(then destinations.Then) { all = append(all, then) })
	require.Len(t, all, 1)
	return all[0]
}

// A server that does not answer after three mails gets no further one: that one was not sent.
func TestPatience(t *testing.T) {
	t.Parallel()
	server := smtptest.Scripted(t, func(command string) string {
		if command == "." {
			return smtptest.Cut
		}
		return "ok"
	})
	q := &destinations.Queue{Events: []destinations.QueuedEvent{{}}}
	for i := range 5 {
		q.Events[0].Jobs = append(q.Events[0].Jobs, destinations.QueuedJob{
			ID: fmt.Sprint("job-", i), Data: json.RawMessage(`{"connection": "mail", "to": "anna@example.com", "subject": "s", "text": "t"}`),
		})
	}
	var all []destinations.Then
	smtp.New(outbound.Loopback()).Actions()[0].Load(t.Context(), &destinations.Toolkit{Connections: opener(t, server.Settings())}, q,
		func(then destinations.Then) { all = append(all, then) })
	require.Len(t, all, 5)
	for i, then := range all {
		require.Equal(t, []string{fmt.Sprint("job-", i)}, then.Jobs)
		require.Equal(t, []bool{i < 3, i >= 3, false}, []bool{then.Unknown, then.Untried, then.ForceDiscard}, "%+v", then)
	}
	require.ErrorIs(t, all[0].Error, smtp.ErrUnknown)
	require.EqualError(t, all[4].Error, "the mail server takes no mails: it does not answer after a mail was sent")
	require.Len(t, server.Mails(), 3)
}

// What becomes of a mail depends on where and how the server refuses it.
func TestRefusals(t *testing.T) {
	t.Parallel()
	type want struct {
		discard, unknown bool
		class            destinations.ErrorClass
	}
	for reply, want := range map[[2]string]want{
		{"MAIL", "552 too large"}:        {discard: true, class: destinations.ErrorClassJob},
		{"MAIL", "554 no"}:               {discard: true, class: destinations.ErrorClassJob},
		{"MAIL", "550 who are you"}:      {class: destinations.ErrorClassOperator},
		{"RCPT", "550 no such user"}:     {discard: true, class: destinations.ErrorClassJob},
		{"DATA", "552 too large"}:        {discard: true, class: destinations.ErrorClassJob},
		{"DATA", "554 no"}:               {discard: true, class: destinations.ErrorClassJob},
		{"DATA", "451 later"}:            {class: destinations.ErrorClassConnection},
		{".", "554 spam"}:                {discard: true, class: destinations.ErrorClassJob},
		{".", smtptest.Cut}:              {unknown: true, class: destinations.ErrorClassConnection},
		{"DATA", smtptest.Cut}:           {class: destinations.ErrorClassConnection},
		{"RCPT", "421 closing, no room"}: {class: destinations.ErrorClassConnection},
		{"RCPT", "450 greylisted"}:       {class: destinations.ErrorClassJob},
		{"RCPT", "452 mailbox full"}:     {class: destinations.ErrorClassJob},
		{".", "451 greylisted"}:          {class: destinations.ErrorClassJob},
		{".", "452 no storage"}:          {class: destinations.ErrorClassConnection},
	} {
		server := smtptest.Scripted(t, func(command string) string {
			if strings.HasPrefix(command, reply[0]) {
				return reply[1]
			}
			return "ok"
		})
		then := delivered(t, server, `{"connection": "mail", "to": "info@bücher.example", "subject": "Hi\r\nBcc: x", "text": "t"}`)
		require.Error(t, then.Error)
		require.Equal(t, want.discard, then.ForceDiscard, "%v: %s", reply, then.Error)
		require.Equal(t, want.unknown, then.Unknown, "%v: %s", reply, then.Error)
		require.Equal(t, want.class, destinations.ClassOf(then.Error), "%v: %s", reply, then.Error)
	}
}

// A subject is one line, also decoded, and a domain is in punycode.
func TestOneLine(t *testing.T) {
	t.Parallel()
	server := smtptest.Scripted(t, func(string) string { return "ok" })
	then := delivered(t, server, `{"connection": "mail", "to": "info@bücher.example", "subject": "Hi\r\nBcc: x\u0000ä", "text": "t"}`)
	require.NoError(t, then.Error)
	require.Contains(t, server.Commands(), "RCPT TO:<info@xn--bcher-kva.example>")
	header, err := mail.ReadMessage(strings.NewReader(server.Mails()[0]))
	require.NoError(t, err)
	subject, err := (&mime.WordDecoder{}).DecodeHeader(header.Header.Get("Subject"))
	require.NoError(t, err)
	require.Equal(t, "Hi Bcc: x ä", subject)
}

// FuzzSend: what is accepted when an event is sent is accepted at delivery.
func FuzzSend(f *testing.F) {
	f.Add("info@bücher.example", "Hi\r\nBcc: x", "text")
	f.Add("jörg@example.com", "\u0000", "\x00")
	f.Add(`"a b"@example.com`, "x", "")
	action := smtp.New(outbound.Loopback()).Actions()[0]
	f.Fuzz(func(t *testing.T, to, subject, text string) {
		data, err := json.Marshal(map[string]string{"connection": "mail", "to": to, "subject": subject, "text": text})
		if err != nil {
			t.Fatal(err)
		}
		job, err := action.Marshal(t.Context(), &destinations.Toolkit{}, destinations.Event{Data: data})
		if err != nil {
			return
		}
		q := &destinations.Queue{Events: []destinations.QueuedEvent{{Jobs: []destinations.QueuedJob{{ID: "job-1", Data: job.Data}}}}}
		// Nothing listens on port 1: the mail is accepted, and the server is not reached.
		opener := destinationtest.Opener{Name: "mail", Kind: "smtp", Settings: json.RawMessage(
			`{"host": "127.0.0.1", "port": 1, "tls": "none", "from": "a@example.com"}`)}
		action.Load(t.Context(), &destinations.Toolkit{Connections: opener}, q, func(then destinations.Then) {
			if then.ForceDiscard {
				t.Fatalf("to %q, subject %q: %s", to, subject, then.Error)
			}
		})
	})
}
