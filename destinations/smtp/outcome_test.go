package smtp_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations/smtp"
	"github.com/sluicehq/sluice/destinations/smtp/smtptest"
)

// replies answers commands that begin with prefix, and takes everything else.
func replies(prefix, reply string) func(string) string {
	return func(command string) string {
		if strings.HasPrefix(command, prefix) {
			return reply
		}
		return "ok"
	}
}

func scripted(t *testing.T, server *smtptest.Script) *smtp.Client {
	t.Helper()
	return client(t, server.Settings())
}

var note = smtp.Mail{To: "anna@example.com", Subject: "Hello", Text: "Dear Anna"}

// A refusal is permanent at every stage of a mail, except where it is about the session or
// the sender, and where the code is temporary.
func TestPermanence(t *testing.T) {
	t.Parallel()
	const temporary, permanent, sender = "temporary", "permanent", "sender"
	stages := map[string]map[int]string{
		"MAIL": {552: permanent, 554: permanent, 550: sender, 553: sender, 530: temporary, 503: temporary, 452: temporary},
		"RCPT": {550: permanent, 551: permanent, 552: permanent, 553: permanent, 554: permanent, 530: temporary, 450: temporary},
		"DATA": {552: permanent, 554: permanent, 550: permanent, 503: temporary, 451: temporary},
		".":    {552: permanent, 554: permanent, 550: permanent, 571: permanent, 451: temporary, 421: temporary},
	}
	for stage, codes := range stages {
		for code, want := range codes {
			t.Run(fmt.Sprintf("%s %d", stage, code), func(t *testing.T) {
				t.Parallel()
				server := smtptest.Scripted(t, replies(stage, fmt.Sprintf("%d no, anna@example.com", code)))
				err := scripted(t, server).Send(t.Context(), "job-1", note)
				require.Error(t, err)
				require.Equal(t, want == permanent, smtp.IsRefused(err), err)
				require.Equal(t, want == sender, errors.Is(err, smtp.ErrSender), err)
				require.NotErrorIs(t, err, smtp.ErrUnknown)
				require.NotContains(t, err.Error(), "anna@")
				require.Contains(t, err.Error(), fmt.Sprint(code))
			})
		}
	}
}

// A connection that ends before the final dot has delivered nothing; one that ends behind it,
// or sends an invalid response, or none, may have.
func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{"EHLO", "MAIL", "RCPT", "DATA"} {
		server := smtptest.Scripted(t, replies(stage, smtptest.Cut))
		err := scripted(t, server).Send(t.Context(), "job-1", note)
		require.Error(t, err)
		require.NotErrorIs(t, err, smtp.ErrUnknown, stage)
		require.False(t, smtp.IsRefused(err))
		require.Empty(t, server.Mails())
	}
	for name, reply := range map[string]string{"cut": smtptest.Cut, "nonsense": "what?"} {
		server := smtptest.Scripted(t, replies(".", reply))
		err := scripted(t, server).Send(t.Context(), "job-1", note)
		require.ErrorIs(t, err, smtp.ErrUnknown, name)
		require.False(t, smtp.IsRefused(err))
		require.Len(t, server.Mails(), 1)
	}
	// The time is up while the server has the mail and says nothing.
	ctx, stop := context.WithCancel(t.Context())
	released := make(chan struct{})
	server := smtptest.Scripted(t, func(command string) string {
		if command == "." {
			stop()
			<-released
		}
		return "ok"
	})
	t.Cleanup(func() { close(released) })
	require.ErrorIs(t, scripted(t, server).Send(ctx, "job-1", note), smtp.ErrUnknown)
}

// Behind the server's acknowledgement nothing can go wrong.
func TestCutAfterAcknowledgement(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"RSET", "QUIT"} {
		server := smtptest.Scripted(t, replies(command, smtptest.Cut))
		require.NoError(t, scripted(t, server).Send(t.Context(), "job-1", note), command)
	}
}

// A domain beyond ASCII is written in punycode: a server need not offer SMTPUTF8.
func TestInternationalizedDomain(t *testing.T) {
	t.Parallel()
	server := smtptest.Scripted(t, replies("none", ""))
	settings := server.Settings()
	settings.From = "Bücher <post@bücher.example>"
	require.NoError(t, client(t, settings).Send(t.Context(), "j", smtp.Mail{To: "info@bücher.example", Subject: "s", Text: "t"}))
	require.Contains(t, server.Commands(), "RCPT TO:<info@xn--bcher-kva.example>")
	require.Contains(t, server.Mails()[0], "To: <info@xn--bcher-kva.example>")
	require.Contains(t, server.Mails()[0], "Message-ID: <j@xn--bcher-kva.example>")
}

func TestAddress(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"anna@example.com":                     "anna@example.com",
		" Anna <anna@EXAMPLE.com> ":            "anna@EXAMPLE.com",
		"info@bücher.example":                  "info@xn--bcher-kva.example",
		"info@Bücher.Example":                  "info@xn--bcher-kva.example",
		"info@例え.jp":                           "info@xn--r8jz45g.jp",
		"o'neil+tag@sub_domain.example":        "o'neil+tag@sub_domain.example",
		"root@[192.0.2.1]":                     "root@[192.0.2.1]",
		"jörg@example.com":                     "",
		"a@b@example.com":                      "",
		"anna":                                 "",
		"anna@xn--.bücher.example-":            "",
		`"a b"@example.com`:                    "",
		`"a\"b"@example.com`:                   "",
		"a@example.com, b@example.com":         "",
		"a\r\n@example.com":                    "",
		strings.Repeat("a", 65) + "@x.com":     "",
		"a@" + strings.Repeat("b.", 130) + "c": "",
	} {
		got, err := smtp.Address(target)
		require.Equal(t, want == "", err != nil, "%s: %v", target, err)
		require.Equal(t, want, got)
	}
}

// FuzzMail: a recipient and a subject that are accepted are accepted at delivery, and make
// one line each.
func FuzzMail(f *testing.F) {
	f.Add("anna@example.com", "Hello")
	f.Add("info@bücher.example", "Hi\r\nBcc: x")
	f.Add(`"a\"b"@example.com`, "=?utf-8?q?a=0D=0Ab?=")
	f.Add("a@[::1]", "\u2028\x00")
	c := client(f, smtptest.Offline())
	f.Fuzz(func(t *testing.T, to, subject string) {
		address, err := smtp.Address(to)
		if err != nil {
			return
		}
		if again, err := smtp.Address(address); err != nil || again != address {
			t.Fatalf("%q became %q, and that %q: %v", to, address, again, err)
		}
		if err := c.CheckComposed(smtp.Mail{To: to, Subject: subject, Text: "t"}); err != nil {
			t.Fatalf("to %q, subject %q: %s", to, subject, err)
		}
	})
}
