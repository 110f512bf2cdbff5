// Package settings converts the configuration into the configurations of the packages that it
// configures. Package config is a leaf and knows none of them, and none of them knows config.
package settings

import (
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/destinations/smtp"
)

// MailServer returns the configuration of the built-in connection connections.Notify.
func MailServer(n config.Notify) smtp.Config {
	return smtp.Config{
		Host: n.SMTPHost, Port: n.SMTPPort, TLS: n.SMTPTLS, CAFile: n.SMTPCAFile,
		Username: n.SMTPUsername, Password: n.SMTPPassword, From: n.SMTPFrom,
	}
}
