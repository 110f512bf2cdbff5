package config

import (
	"net"
	"net/mail"
	"regexp"
	"strings"
)

// Notify configures the notifications about imports.
type Notify struct {
	// To lists the e-mail addresses that are notified of every import, separated by commas.
	// Defaults to none.
	To string `yaml:"to"`
	// Webhooks lists the connections of kind webhook that are notified of every import,
	// separated by commas. Defaults to none.
	Webhooks string `yaml:"webhooks"`
	// Templates is a folder with mail templates that override the built-in ones. Defaults to
	// none.
	Templates string `yaml:"templates"`
	// SMTPHost is the mail server of the built-in connection notify. Defaults to none: no mail
	// is sent.
	SMTPHost string `yaml:"smtp_host"`
	// SMTPPort is its port. Defaults to 587.
	SMTPPort int `yaml:"smtp_port"`
	// SMTPTLS is "starttls", "tls" for implicit TLS, or "none", which is allowed for
	// loopback only. Defaults to starttls.
	SMTPTLS string `yaml:"smtp_tls"`
	// SMTPCAFile is a PEM file with the CA certificates for the server. Defaults to the
	// system's.
	SMTPCAFile string `yaml:"smtp_ca_file"`
	// SMTPUsername and SMTPPassword are the credentials. Default to none.
	SMTPUsername string `yaml:"smtp_username"`
	SMTPPassword string `yaml:"smtp_password"`
	// SMTPFrom is the sender: an address, or a name with an address in angle brackets.
	// Required with SMTPHost.
	SMTPFrom string `yaml:"smtp_from"`
}

// The values of SMTPTLS.
const (
	SMTPStartTLS = "starttls"
	SMTPTLS      = "tls"
	SMTPPlain    = "none"
)

func defaultNotify() Notify {
	return Notify{SMTPPort: 587, SMTPTLS: SMTPStartTLS}
}

// Recipients returns the addresses of To.
func (n Notify) Recipients() []string { return listed(n.To) }

// WebhookNames returns the names of Webhooks.
func (n Notify) WebhookNames() []string { return listed(n.Webhooks) }

// listed splits a comma-separated list.
func listed(text string) []string {
	var all []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			all = append(all, item)
		}
	}
	return all
}

var connectionName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// validate quotes neither addresses nor account names, which may be misplaced passwords.
func (n Notify) validate(check func(ok bool, format string, args ...any)) {
	for i, address := range n.Recipients() {
		_, err := mail.ParseAddress(address)
		check(err == nil, "notify.to: address %d is none: want something like anna@example.com, ben@example.com", i+1)
	}
	for i, name := range n.WebhookNames() {
		check(connectionName.MatchString(name), "notify.webhooks: name %d is not that of a connection", i+1)
	}
	check(oneTo(65535, n.SMTPPort), "notify.smtp_port is %d: want 1 to 65535", n.SMTPPort)
	check(n.SMTPTLS == SMTPStartTLS || n.SMTPTLS == SMTPTLS || n.SMTPTLS == SMTPPlain,
		"notify.smtp_tls is %q: want starttls, tls or none", n.SMTPTLS)
	check((n.SMTPUsername == "") == (n.SMTPPassword == ""), "notify.smtp_username and notify.smtp_password go together")
	if n.SMTPHost == "" {
		return
	}
	check(n.SMTPTLS != SMTPPlain || loopback(n.SMTPHost),
		"notify.smtp_tls is none: that is for a mail server on this machine only, such as localhost")
	_, err := mail.ParseAddress(n.SMTPFrom)
	check(err == nil, "notify.smtp_from is not an address: want something like Sluice <sluice@example.com>")
}

// loopback reports whether a host is a loopback address.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
