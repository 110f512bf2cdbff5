package notify_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/notify/email/smtptest"
	"github.com/sluicehq/sluice/store"
)

// A mail that the server may have taken is sent once: the delivery ends, and the import's log
// says so.
func TestUnknownMail(t *testing.T) {
	t.Parallel()
	server := smtptest.Scripted(t, func(command string) string {
		if command == "." {
			return smtptest.Cut
		}
		return "ok"
	})
	b := setup(t, nil, nil)
	mail := server.Settings()
	b.cfg.Settings.SMTPHost, b.cfg.Settings.SMTPPort, b.cfg.Settings.SMTPTLS = mail.SMTPHost, mail.SMTPPort, mail.SMTPTLS
	b.cfg.Settings.SMTPFrom, b.cfg.Settings.SMTPTimeout = mail.SMTPFrom, mail.SMTPTimeout
	b.run(t)
	all := b.await(t, b.announce(t, store.EventFailed), store.DeliveryGivenUp)
	require.NotEmpty(t, all)
	for _, d := range all {
		require.EqualValues(t, 1, d.Attempts)
		require.Contains(t, d.Error, "it may have been delivered, and is not sent again")
	}
	require.Len(t, server.Mails(), len(all), "each mail went out once")
	require.Contains(t, b.feedback(t)[0], "did not answer after the whole mail was sent")
}
