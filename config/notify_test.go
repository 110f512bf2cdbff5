package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNotifyLists(t *testing.T) {
	t.Parallel()
	n := Notify{To: " anna@example.com,, ben@example.com ,", Webhooks: "ops"}
	require.Equal(t, []string{"anna@example.com", "ben@example.com"}, n.Recipients())
	require.Equal(t, []string{"ops"}, n.WebhookNames())
	require.Empty(t, Notify{}.Recipients())
	require.Empty(t, Notify{To: " , "}.Recipients())
}

func TestValidateNotify(t *testing.T) {
	t.Parallel()
	const from = "Sluice <sluice@example.com>"
	for name, test := range map[string]struct {
		change func(n *Notify)
		want   string
	}{
		"mail":             {func(n *Notify) { n.SMTPHost, n.SMTPFrom = "mail.example.com", from }, ""},
		"mail with a name": {func(n *Notify) { n.To = `Anna <anna@example.com>` }, ""},
		"plain, localhost": {func(n *Notify) { n.SMTPHost, n.SMTPFrom, n.SMTPTLS = "localhost", from, SMTPPlain }, ""},
		"plain, 127.0.0.1": {func(n *Notify) { n.SMTPHost, n.SMTPFrom, n.SMTPTLS = "127.0.0.1", from, SMTPPlain }, ""},
		"plain, ::1":       {func(n *Notify) { n.SMTPHost, n.SMTPFrom, n.SMTPTLS = "::1", from, SMTPPlain }, ""},
		"any webhooks":     {func(n *Notify) { n.Webhooks = "ops, sales_2" }, ""},
		"plain, elsewhere": {
			func(n *Notify) { n.SMTPHost, n.SMTPFrom, n.SMTPTLS = "10.0.0.1", from, SMTPPlain },
			"notify.smtp_tls is none: that is for a mail server on this machine only, such as localhost",
		},
		"plain, a name like it": {
			func(n *Notify) { n.SMTPHost, n.SMTPFrom, n.SMTPTLS = "localhost.example.com", from, SMTPPlain },
			"notify.smtp_tls is none: that is for a mail server on this machine only, such as localhost",
		},
		"no sender": {
			func(n *Notify) { n.SMTPHost = "mail.example.com" },
			"notify.smtp_from is not an address: want something like Sluice <sluice@example.com>",
		},
		"password alone": {
			func(n *Notify) { n.SMTPPassword = secret }, "notify.smtp_username and notify.smtp_password go together",
		},
		"no address": {
			func(n *Notify) { n.To = "anna@example.com, " + secret },
			"notify.to: address 2 is none: want something like anna@example.com, ben@example.com",
		},
		"no name": {
			func(n *Notify) { n.Webhooks = "https://example.com/" + secret },
			"notify.webhooks: name 1 is not that of a connection",
		},
		"tls":  {func(n *Notify) { n.SMTPTLS = "ssl" }, `notify.smtp_tls is "ssl": want starttls, tls or none`},
		"port": {func(n *Notify) { n.SMTPPort = 65536 }, "notify.smtp_port is 65536: want 1 to 65535"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := Default()
			test.change(&c.Notify)
			if test.want == "" {
				require.NoError(t, c.Validate())
				return
			}
			require.EqualError(t, c.Validate(), test.want)
		})
	}
}

func TestSMTPPasswordFromAFile(t *testing.T) {
	t.Parallel()
	loaded, err := Load("", []string{
		"SLUICE_NOTIFY_SMTP_PASSWORD_FILE=" + write(t, "smtp_password", secret+"\n"), "SLUICE_NOTIFY_SMTP_USERNAME=sluice",
	})
	require.NoError(t, err)
	require.Equal(t, secret, loaded.Notify.SMTPPassword)
	require.NoError(t, loaded.Validate())
}
